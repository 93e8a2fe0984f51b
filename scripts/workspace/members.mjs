// @ts-check
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readJson, root } from './paths.mjs';

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {string} [license]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 *
 * @typedef {object} Member
 * @property {string} folder relative to the repository, with forward slashes: `packages/tensor`
 * @property {string} path absolute
 * @property {Manifest} manifest
 */

/**
 * The packages and apps of the workspace, by folder.
 *
 * @param {string} [repository]
 * @returns {Member[]}
 */
export function members(repository = root) {
  return ['packages', 'apps'].flatMap((parent) => membersOf(repository, parent));
}

/**
 * @param {string} repository
 * @param {string} parent
 * @returns {Member[]}
 */
function membersOf(repository, parent) {
  const parentPath = path.join(repository, parent);
  if (!existsSync(parentPath)) return [];
  return readdirSync(parentPath)
    .sort()
    .filter((name) => existsSync(path.join(parentPath, name, 'package.json')))
    .map((name) => ({
      folder: `${parent}/${name}`,
      path: path.join(parentPath, name),
      manifest: readJson(path.join(parentPath, name, 'package.json')),
    }));
}
