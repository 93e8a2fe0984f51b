import type { OnnxModel } from '../model.js';
import { KNOWN_OPERATORS, operatorKey } from '../shapes/registry.js';

/**
 * Operators of other domains that this package cannot look through, with how often they come, the commonest first.
 * ONNX Runtime's optimizers for graphics cards write such (NhwcConv, GroupNorm, SkipGroupNorm, BiasSplitGelu).
 */
function unknownOperators({ graph, functions }: OnnxModel): Map<string, number> {
  const known = new Set([...KNOWN_OPERATORS, ...functions.map(({ domain, name }) => `${domain}.${name}`)]);
  const counts = new Map<string, number>();
  for (const node of graph.nodes) {
    const key = operatorKey(node);
    if (node.domain === '' || node.domain === 'ai.onnx' || known.has(key)) continue;
    counts.set(node.opType, (counts.get(node.opType) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
}

/** What to say of a graph with such operators; undefined for one without. */
export function describeUnknownOperators(
  model: OnnxModel,
): { readonly got: string; readonly hint: string } | undefined {
  const counts = unknownOperators(model);
  if (counts.size === 0) return undefined;
  const shown = [...counts].slice(0, 8).map(([name, count]) => `${count} ${name}`);
  return {
    got: `operators that are not looked through: ${shown.join(', ')}${counts.size > 8 ? ', …' : ''}`,
    hint: 'The graph was optimized for one kind of device: export it again without optimizations (no --optimize)',
  };
}
