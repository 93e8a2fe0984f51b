// @ts-check
import { existsSync } from 'node:fs';
import path from 'node:path';
import { importsIn } from './imports.mjs';

/**
 * Finds circles of imports between the files of a folder, imports of types included: files that import each other,
 * however indirectly, can only be understood together.
 *
 * Tarjan, Depth-First Search and Linear Graph Algorithms, SIAM J. Comput. 1972; linear in files and imports.
 *
 * @param {string} sources absolute
 * @returns {string[][]} files of each circle, relative to the folder, with forward slashes
 */
export function circlesIn(sources) {
  const imports = importGraph(sources);
  /** @type {Map<string, { index: number, low: number, open: boolean }>} */
  const visits = new Map();
  /** @type {string[]} */
  const stack = [];
  /** @type {string[][]} */
  const circles = [];

  /** @param {string} file */
  const visit = (file) => {
    const own = { index: visits.size, low: visits.size, open: true };
    visits.set(file, own);
    stack.push(file);
    for (const target of imports.get(file) ?? []) {
      const seen = visits.get(target);
      if (!seen) own.low = Math.min(own.low, visit(target).low);
      else if (seen.open) own.low = Math.min(own.low, seen.index);
    }
    if (own.low === own.index) {
      const circle = stack.splice(stack.indexOf(file));
      for (const member of circle) /** @type {{ open: boolean }} */ (visits.get(member)).open = false;
      if (circle.length > 1 || imports.get(file)?.includes(file)) circles.push(circle);
    }
    return own;
  };
  for (const file of imports.keys()) if (!visits.has(file)) visit(file);
  return circles.map((circle) =>
    circle.map((file) => path.relative(sources, file).replaceAll(path.sep, '/')).sort(),
  );
}

/**
 * @param {string} sources
 * @returns {Map<string, string[]>} by file, the files of the folder that it imports
 */
function importGraph(sources) {
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const { file, specifier } of importsIn(sources)) {
    if (!specifier.startsWith('.')) continue;
    const target = sourceOf(path.resolve(path.dirname(file), specifier));
    if (target === undefined) continue;
    graph.set(file, [...(graph.get(file) ?? []), target]);
  }
  return graph;
}

/**
 * The file that an import without its own extension, or with the compiled one, means.
 *
 * @param {string} target
 */
function sourceOf(target) {
  const stem = target.replace(/\.(m?)js$/, '.$1ts');
  return [target, stem, stem.replace(/ts$/, 'tsx')].find((candidate) => existsSync(candidate));
}
