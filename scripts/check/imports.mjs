// @ts-check
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/**
 * @typedef {object} SourceImport
 * @property {string} file absolute
 * @property {string} specifier as written: `./graph.js`, `@cachequant/tensor/testing`, `node:fs`
 */

/**
 * All imports in a folder of sources: static, dynamic, re-exports, and of types alone.
 *
 * @param {string} folder
 * @returns {SourceImport[]}
 */
export function importsIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|tsx|mts|js|mjs)$/.test(name))
    .sort()
    .flatMap((name) => importsOf(path.join(folder, name)));
}

/**
 * @param {string} file
 * @returns {SourceImport[]}
 */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => ({ file, specifier: fileName }));
}

/**
 * The package that a specifier names: `@cachequant/tensor` for `@cachequant/tensor/testing`.
 *
 * @param {string} specifier not relative
 */
export function packageOf(specifier) {
  const [first = '', second] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}
