import type { TensorFacts } from '@cachequant/onnx';
import type { ActivationGridTable } from './activation-statistics.js';
import type { PackedWeight } from './packed-weight.js';

/** A correction of a layer's output per (call, output channel): y = scale · (W x) + bias + offset; scale > 0. */
export interface OutputCorrection {
  /** [calls, O] */
  readonly scale: Float32Array;
  /** [calls, O] */
  readonly offset: Float32Array;
}

/**
 * Everything that {@link toIntegerGraph} needs: which layers compute in integers, which only store them,
 * and with which grids.
 */
export interface IntegerGraphPlan {
  /** By layer id: computed in integers. */
  readonly compute: ReadonlyMap<string, PackedWeight>;
  /** By layer id: computed in float, its weight stored as integers. */
  readonly store: ReadonlyMap<string, PackedWeight>;
  readonly grids: ActivationGridTable;
  readonly corrections: ReadonlyMap<string, OutputCorrection>;
  /** Shapes with height, width and sequence length static. */
  readonly shapes: ReadonlyMap<string, TensorFacts>;
}
