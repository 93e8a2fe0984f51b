import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inRoot } from '../workspace/paths.mjs';

const folder = inRoot('.github/workflows');
const workflows = readdirSync(folder).map(
  (name) => [name, readFileSync(`${folder}/${name}`, 'utf8')] as const,
);

/** Actions whose commit nobody here could look up, by their exact tag. */
const byTag = ['changesets/action@v1.5.3'];

test.each(workflows)('%s takes actions by commit, with the tag beside it', (_name, text) => {
  const uses = [...text.matchAll(/uses: (.+)/g)].map(([, action]) => action!);
  const loose = uses.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action));
  expect(loose.filter((action) => !byTag.includes(action))).toEqual([]);
});

test('release.yml publishes without a token, by a job that no foreign action but the pinned ones runs in', () => {
  const release = workflows.find(([name]) => name === 'release.yml')![1];
  expect(release).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/);
  const publish = release.slice(release.indexOf('\n  publish:'));
  expect(publish).toContain('id-token: write');
  expect(publish).not.toContain('changesets/action');
});
