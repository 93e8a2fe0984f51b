// @ts-check
import path from 'node:path';
import ts from 'typescript';
import { members } from '../workspace/members.mjs';
import { inRoot, readJson } from '../workspace/paths.mjs';

/**
 * @typedef {object} Entry an entry point of a published package
 * @property {string} name as it is imported: `@cachequant/tensor/testing`
 * @property {ts.Symbol[]} symbols what it exports, under the names it exports them by
 * @property {ts.TypeChecker} checker
 */

/** Where the names are kept that the packages export; `npm run exports` writes it. */
export const EXPORTS_FILE = inRoot('scripts/check/exports.json');

/**
 * The names that each entry point exports, types included, sorted.
 *
 * @param {string} repository
 * @returns {Record<string, string[]>} by entry point, sorted
 */
export function exportedNames(repository) {
  // Names alone need no other file, as long as no entry point says `export *`.
  const names = publicEntries(repository, { options: { noResolve: true, noLib: true } }).map(
    ({ name, symbols }) => /** @type {const} */ ([name, symbols.map((symbol) => symbol.name).sort()]),
  );
  return Object.fromEntries(names.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * The entry points of the published packages, read from their sources.
 *
 * @param {string} repository
 * @param {{ wanted?: (member: import('../workspace/members.mjs').Member) => boolean, options?: ts.CompilerOptions }} [selection]
 * @returns {Entry[]}
 */
export function publicEntries(repository, { wanted = () => true, options } = {}) {
  const entries = members(repository)
    .filter((member) => !member.manifest.private && wanted(member))
    .flatMap(sourceEntries);
  const program = ts.createProgram(
    entries.map(({ source }) => source),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      customConditions: ['@cachequant/source'],
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
      types: [],
      noEmit: true,
      ...options,
    },
  );
  const checker = program.getTypeChecker();
  return entries.map(({ name, source }) => {
    const file = program.getSourceFile(source);
    if (!file) throw new Error(`${source} is missing`);
    // A worker's file only runs: it is no module.
    const module = checker.getSymbolAtLocation(file);
    return { name, symbols: module ? exportsOf(module, checker) : [], checker };
  });
}

/**
 * @param {ts.Symbol} module
 * @param {ts.TypeChecker} checker
 */
function exportsOf(module, checker) {
  if (module.exports?.has(ts.InternalSymbolName.ExportStar)) {
    throw new Error(`${module.name} has \`export *\`; an entry point names what it exports`);
  }
  return checker.getExportsOfModule(module);
}

/** @param {import('../workspace/members.mjs').Member} member */
function sourceEntries({ path: folder, manifest }) {
  const { exports } = readJson(path.join(folder, 'package.json'));
  return Object.entries(exports)
    .filter(([, entry]) => typeof entry['@cachequant/source'] === 'string')
    .map(([subpath, entry]) => ({
      name: path.posix.join(manifest.name, subpath),
      source: path.join(folder, entry['@cachequant/source']),
    }));
}
