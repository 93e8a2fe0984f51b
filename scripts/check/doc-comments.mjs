// @ts-check
import path from 'node:path';
import ts from 'typescript';
import { publicEntries } from './public-exports.mjs';
import { unfinishedPackages } from './unfinished.mjs';

/**
 * What the packages export without a doc-comment: functions, classes, types and constants.
 *
 * @param {string} repository
 * @returns {string[]} `file: name`, each once
 */
export function undocumentedExports(repository) {
  const entries = publicEntries(repository, {
    wanted: ({ manifest }) => !unfinishedPackages.has(manifest.name),
  });
  const symbols = new Set(
    entries.flatMap(({ symbols, checker }) => symbols.map((symbol) => declared(symbol, checker))),
  );
  return [...symbols]
    .filter((symbol) => !symbol.declarations?.some((node) => ts.getJSDocCommentsAndTags(node).length > 0))
    .map((symbol) => placeOf(symbol, repository));
}

/**
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 */
const declared = (symbol, checker) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/**
 * @param {ts.Symbol} symbol
 * @param {string} repository
 */
function placeOf(symbol, repository) {
  const declaration = symbol.declarations?.[0];
  const file = path.relative(repository, declaration?.getSourceFile().fileName ?? '');
  return `${file.split(path.sep).join('/')}: ${symbol.name} has no doc-comment`;
}
