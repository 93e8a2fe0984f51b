// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { members } from '../workspace/members.mjs';
import { inRoot, root } from '../workspace/paths.mjs';
import { blocksOf } from './blocks.mjs';
import { makers } from './makers.mjs';

/** Every README, and what else of the documentation a script has a part in: its path, and the folder that it describes. */
export function readmes() {
  const pages = ['docs/models.md', 'docs/speed.md', 'apps/benchmarks/results/paper.md'];
  const files = ['README.md', ...pages, ...members().map(({ folder }) => `${folder}/README.md`)];
  return files
    .filter((file) => existsSync(inRoot(file)))
    .map((file) => ({
      file,
      folder: path.dirname(inRoot(file)),
      text: readFileSync(path.join(root, file), 'utf8'),
    }));
}

/**
 * What each block of a README should be.
 *
 * @param {{ folder: string, text: string }} readme
 * @returns {Promise<string[]>}
 */
export async function madeBodies({ folder, text }) {
  const bodies = [];
  for (const block of blocksOf(text)) {
    const make = makers.get(block.maker);
    if (!make)
      throw new Error(`nothing makes a block "${block.maker}"; there are ${[...makers.keys()].join(', ')}`);
    bodies.push(await make(block, folder));
  }
  return bodies;
}
