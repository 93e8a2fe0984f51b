// @ts-check
import path from 'node:path';
import ts from 'typescript';
import { members } from '../workspace/members.mjs';
import { readJson } from '../workspace/paths.mjs';
import { unfinishedPackages } from './unfinished.mjs';

/**
 * What the packages export without a doc-comment: functions, classes, types and constants.
 *
 * @param {string} repository
 * @returns {string[]} `file: name`, each once
 */
export function undocumentedExports(repository) {
  const packages = members(repository).filter(
    ({ manifest }) => !manifest.private && !unfinishedPackages.has(manifest.name),
  );
  const entries = packages.flatMap(sourceEntries);
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    customConditions: ['@cachequant/source'],
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
    types: [],
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const symbols = new Set(entries.flatMap((entry) => exportsOf(program, checker, entry)));
  return [...symbols]
    .filter((symbol) => !symbol.declarations?.some((node) => ts.getJSDocCommentsAndTags(node).length > 0))
    .map((symbol) => placeOf(symbol, repository));
}

/** @param {import('../workspace/members.mjs').Member} member */
function sourceEntries({ path: folder }) {
  const { exports } = readJson(path.join(folder, 'package.json'));
  return Object.values(exports)
    .map((entry) => entry['@cachequant/source'])
    .filter((source) => typeof source === 'string')
    .map((source) => path.join(folder, source));
}

/**
 * @param {ts.Program} program
 * @param {ts.TypeChecker} checker
 * @param {string} entry
 */
function exportsOf(program, checker, entry) {
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${entry} is no module`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
}

/**
 * @param {ts.Symbol} symbol
 * @param {string} repository
 */
function placeOf(symbol, repository) {
  const declaration = symbol.declarations?.[0];
  const file = path.relative(repository, declaration?.getSourceFile().fileName ?? '');
  return `${file.split(path.sep).join('/')}: ${symbol.name} has no doc-comment`;
}
