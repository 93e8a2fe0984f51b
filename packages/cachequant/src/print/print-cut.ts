import type { CutCandidate } from '@cachequant/onnx';
import type { TensorInfo } from '@cachequant/tensor';
import { formatBytes, formatDims, formatShare } from './format.js';
import { tableLines } from './print-table.js';

interface Declared {
  readonly name: string;
  readonly dtype: TensorInfo['dtype'] | null;
  readonly dims: TensorInfo['dims'] | null;
}

interface GraphInterface {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
}

/** What `cut` wrote. */
export interface CutReport {
  readonly out: string;
  readonly cut: CutCandidate;
  /** The extra output of the full graph, and input of the cached one. */
  readonly cacheName: string;
  readonly weightBytes: number;
  readonly full: GraphInterface;
  readonly cached: GraphInterface;
}

export function cutLines({ out, cut, cacheName, weightBytes, full, cached }: CutReport): string[] {
  return [
    `Cut at ${cut.id}: a cached call takes ${formatShare(cut.cachedShare)} of the multiply-adds of a full one.`,
    `Written to ${out}: full.onnx, cached.onnx, weights.bin (${formatBytes(weightBytes)}, shared)`,
    '',
    'full.onnx',
    ...interfaceLines(full),
    '',
    'cached.onnx',
    ...interfaceLines(cached),
    '',
    `At a refresh, run full.onnx and keep ${cacheName}. At the calls up to the next refresh, run cached.onnx`,
    `with the kept ${cacheName} and this call's own other inputs.`,
  ];
}

function interfaceLines({ inputs, outputs }: GraphInterface): string[] {
  const row = (role: string) => (value: Declared) => [
    role,
    value.name,
    value.dtype ?? 'unknown',
    formatDims(value.dims ?? undefined),
  ];
  return tableLines([...inputs.map(row('feed')), ...outputs.map(row('get'))]);
}
