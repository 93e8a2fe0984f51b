import type { OnnxGraph, TensorFacts } from '@cachequant/onnx';
import { elementCount } from '@cachequant/tensor';
import type { Layer } from './layers.js';
import { outerTensors } from './outermost-layers.js';

/** Why a layer should run in float. */
export type ExcludeReason = 'first or last layer' | 'too few rows to gain';

/** Fewer rows than this make a product of a few vectors, where integers cost more than they save. */
const MIN_ROWS = 9;

/**
 * Says why a layer should stay in float, or nothing when integers pay.
 *
 * The first and the last convolution stay in float: all of the network's precision passes through their few
 * channels (the reference implementation keeps them at 8 bits even where everything else has 4). What scales the sample
 * before the first or the prediction after the last does not hide them.
 * @param shapes static, at the batch the model is used with
 */
export function excludeReason(
  graph: OnnxGraph,
  shapes: ReadonlyMap<string, TensorFacts>,
  layer: Layer,
): ExcludeReason | undefined {
  const { first, last } = outerTensors(graph, shapes);
  if (first.has(layer.input) || last.has(layer.output)) return 'first or last layer';
  const dims = (shapes.get(layer.output)?.dims ?? []).map(Number);
  return elementCount(dims) / layer.outputChannels < MIN_ROWS ? 'too few rows to gain' : undefined;
}
