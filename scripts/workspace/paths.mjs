// @ts-check
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** @param {...string} segments path inside the repository */
export const inRoot = (...segments) => path.join(root, ...segments);

/** @param {string} file */
export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/**
 * Finds the JavaScript file behind a tool's command, so that it starts with this Node on every platform.
 *
 * @param {string} packageName an installed dependency of the repository
 * @param {string} [command] name of the command, where it differs from the package's
 * @param {string} [from] folder from which the package is looked up
 */
export function toolPath(packageName, command = packageName, from = root) {
  const manifestFile = path.join(from, 'node_modules', packageName, 'package.json');
  const { bin } = readJson(manifestFile);
  return path.join(path.dirname(manifestFile), typeof bin === 'string' ? bin : bin[command]);
}
