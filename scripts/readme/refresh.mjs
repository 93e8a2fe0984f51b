// @ts-check
// Makes the outputs, transcripts and tables of all READMEs again.
import { writeFileSync } from 'node:fs';
import { inRoot } from '../workspace/paths.mjs';
import { withBodies } from './blocks.mjs';
import { madeBodies, readmes } from './readmes.mjs';

for (const readme of readmes()) {
  const refreshed = withBodies(readme.text, await madeBodies(readme));
  if (refreshed === readme.text) continue;
  writeFileSync(inRoot(readme.file), refreshed);
  console.log(readme.file);
}
