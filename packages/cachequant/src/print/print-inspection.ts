import type { GraphInspection } from '../analysis/inspection.js';
import type { PlannedLayer } from '../analysis/planned-layers.js';
import { formatBytes, formatCount, formatDims, formatShare } from './format.js';
import { tableLines } from './print-table.js';
import { printable } from './printable.js';

/** Cuts that are shown; the rest are as many worse ones. */
const SHOWN_CUTS = 6;

export function graphLines(graph: GraphInspection): string[] {
  return [
    `  opset ${graph.opset} · ${graph.nodes} nodes · ${formatCount(graph.parameters)} parameters · ` +
      `weights ${formatBytes(graph.weightBytes)}`,
    '',
    'Inputs',
    ...tableLines(
      graph.inputs.map(({ name, dtype, dims, analysedDims }) => [
        name,
        dtype ?? 'unknown',
        formatDims(dims ?? undefined),
        analysedDims === null ? '' : `analysed as ${formatDims(analysedDims)}`,
      ]),
    ),
    '',
    'Outputs',
    ...tableLines(
      graph.outputs.map(({ name, dtype, dims }) => [name, dtype ?? 'unknown', formatDims(dims ?? undefined)]),
    ),
    '',
    ...cutLines(graph),
    '',
    ...layerSummary(graph),
  ];
}

function cutLines(graph: GraphInspection): string[] {
  const { cuts, multiplyAdds, problem } = graph;
  const missing = notCountedLines(graph);
  const head = `Cuts, best first (a full call takes ${formatCount(multiplyAdds)} multiply-adds)`;
  if (cuts.length === 0)
    return [
      'Cuts',
      `  none found: ${problem ?? 'this is neither a U-Net nor a transformer with a residual stream'}`,
      `  a call takes ${formatCount(multiplyAdds)} multiply-adds`,
      ...missing,
    ];
  const rows = cuts
    .slice(0, SHOWN_CUTS)
    .map(({ id, cachedShare, cacheDims, dtype }) => [
      id,
      `a cached call takes ${formatShare(cachedShare)}`,
      `caches ${dtype} ${formatDims(cacheDims)}`,
    ]);
  const more = cuts.length - SHOWN_CUTS;
  return [
    head,
    ...missing,
    ...tableLines(rows),
    ...(more > 0 ? [`  and ${more} more (--json shows all)`] : []),
  ];
}

function notCountedLines({ notCounted }: GraphInspection): string[] {
  const kinds = Object.entries(notCounted).map(([name, count]) => `${count} ${printable(name)}`);
  return kinds.length === 0 ? [] : [`  not counted: ${kinds.join(', ')}`];
}

function layerSummary({ layers, multiplyAdds }: GraphInspection): string[] {
  const integer = layers.filter(({ compute }) => compute === 'integer');
  const groups = new Map<string, PlannedLayer[]>();
  for (const layer of layers.filter(({ compute }) => compute === 'float')) {
    groups.set(layer.reason, [...(groups.get(layer.reason) ?? []), layer]);
  }
  const row = (compute: string, group: readonly PlannedLayer[], reason: string) => [
    compute,
    `${group.length} layers`,
    `${formatShare(sum(group) / Math.max(multiplyAdds, 1))} of the multiply-adds`,
    reason,
  ];
  return [
    `Planned layers (${layers.length})`,
    ...tableLines(
      [row('integer', integer, ''), ...[...groups].map(([reason, group]) => row('float', group, reason))],
      { right: [1, 2] },
    ),
  ];
}

/** One line a layer. */
export function layerLines({ layers }: GraphInspection): string[] {
  return tableLines(
    layers.map(({ id, kind, multiplyAdds, compute, reason }) => [
      compute,
      kind,
      formatCount(multiplyAdds),
      id,
      reason,
    ]),
    { right: [2] },
  );
}

function sum(layers: readonly PlannedLayer[]): number {
  return layers.reduce((total, { multiplyAdds }) => total + multiplyAdds, 0);
}
