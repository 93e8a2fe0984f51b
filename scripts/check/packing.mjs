// @ts-check
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toolEnvironment } from '../workspace/environment.mjs';
import { members } from '../workspace/members.mjs';
import { root } from '../workspace/paths.mjs';
import { mustSucceed } from '../workspace/phase.mjs';

/** @typedef {import('../workspace/members.mjs').Member} Member */

/**
 * @typedef {object} Packed
 * @property {Member} member
 * @property {Buffer} tarball as it would be published
 */

/**
 * Packs every public package.
 *
 * @param {{ script: string, commandFolder: string }} pnpm
 * @returns {Promise<Packed[]>}
 */
export async function packAll({ script, commandFolder }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'cachequant-pack-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const packages = members().filter(({ manifest }) => !manifest.private);
  for (const { path: folder } of packages) removeStaleOutputs(path.join(folder, 'dist'));
  const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name]);
  const args = [script, '--recursive', ...filters, 'pack', '--pack-destination', folder];
  await mustSucceed('Packing', process.execPath, args, { cwd: root, env: toolEnvironment(commandFolder) });
  const packed = packages.map((member) => ({
    member,
    tarball: readFileSync(path.join(folder, tarballName(member))),
  }));
  removeFolder();
  process.off('exit', removeFolder);
  return packed;
}

/** @param {Member} member */
const tarballName = ({ manifest }) =>
  `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;

/**
 * Removes what was built from sources that have gone since, which would be published: the compiler leaves it.
 *
 * @param {string} dist
 */
function removeStaleOutputs(dist) {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.map'))) {
    const map = path.join(dist, file);
    const { sources } = JSON.parse(readFileSync(map, 'utf8'));
    const isStale = sources.every(
      (/** @type {string} */ source) => !existsSync(path.resolve(path.dirname(map), source)),
    );
    if (!isStale) continue;
    rmSync(map);
    rmSync(map.replace(/\.map$/, ''), { force: true });
  }
}
