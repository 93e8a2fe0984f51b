import type { CallTableBuilder } from '@cachequant/onnx';
import type { IntegerGraphPlan } from '../integer-graph-plan.js';
import type { Layer } from '../layers.js';
import type { GridRows } from '../scales-per-call.js';

/** Which inputs of an operator are the scales of its activations. */
export interface KernelScales {
  readonly input: number;
  /** Of operators whose output is rounded to 8 bits as well. */
  readonly output?: number;
}

/**
 * How a runtime computes layers in integers: the operators that do it, and how a graph calls them. Everything else of
 * the quantizer (grids, weights, tables per network call) is the same for all targets.
 */
export interface IntegerTarget {
  readonly name: string;
  /** Versions of operator sets that its graphs import, by domain. */
  readonly opsets: Readonly<Record<string, number>>;
  /**
   * The operators that compute a layer in integers, as graphs and the profile of ONNX Runtime call them; none where that
   * is up to the runtime that reads the graph.
   */
  readonly kernels: Readonly<Record<string, KernelScales>>;
  /** Whether its graphs are to have operators of ONNX alone: attention is then written as the products it stands for. */
  readonly standardOperators?: boolean;
  /** Tensors that a layer needs a grid for. */
  gridSites(layer: Layer): readonly string[];
  /** Those of them whose zero point is to be the same at all calls. */
  constantZeroPoints(layer: Layer): readonly string[];
  /**
   * Rewrites layers of a graph, in the order of the graph, so that they compute in integers.
   * @param rows of all sites of these layers
   */
  write(builder: CallTableBuilder, rows: GridRows, layers: readonly Layer[], plan: IntegerGraphPlan): void;
}
