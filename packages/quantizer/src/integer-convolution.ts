import type { CallTableBuilder } from '@cachequant/onnx';
import type { GridRows } from './grid-rows.js';
import { integerBiases } from './integer-biases.js';
import type { IntegerGraphPlan, OutputCorrection } from './integer-graph.js';
import type { Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';
import { removeNode } from './replace-layer.js';

/**
 * Turns convolutions into QLinearConv, whose output is rounded to the grid of the layer's output and made
 * float again behind it.
 */
export function integerConvolutions(
  builder: CallTableBuilder,
  rows: GridRows,
  layers: readonly Layer[],
  plan: IntegerGraphPlan,
): void {
  if (layers.length === 0) return;
  const biases = integerBiases(builder, rows, layers, plan);
  const weightZeroPoint = builder.constant('cachequant/weight_zero_point', 'int8', [], Int8Array.of(0));
  for (const [i, layer] of layers.entries()) {
    const packed = plan.compute.get(layer.id)!;
    const output = builder.name(`${layer.output}/uint8`);
    builder.model.graph.initializers.set(packed.integers.name, packed.integers);
    builder.model.graph.nodes.push({
      ...layer.node,
      name: `${layer.node.name || layer.output}/integer`,
      opType: 'QLinearConv',
      inputs: [
        rows.quantized(layer.input),
        rows.scale(layer.input),
        rows.zeroPoint(layer.input),
        packed.integers.name,
        weightScales(builder, layer, packed, plan),
        weightZeroPoint,
        rows.scale(layer.output),
        rows.zeroPoint(layer.output),
        biases[i]!,
      ],
      outputs: [output],
    });
    removeNode(builder.model.graph, layer.node);
    builder.node(
      'DequantizeLinear',
      [output, rows.scale(layer.output), rows.zeroPoint(layer.output)],
      layer.output,
    );
  }
}

function weightScales(
  builder: CallTableBuilder,
  layer: Layer,
  { scales }: PackedWeight,
  { corrections, grids }: IntegerGraphPlan,
): string {
  const correction = corrections.get(layer.id);
  if (!correction) return builder.constant(`${layer.id}/scales`, 'float32', [scales.length], scales);
  return builder.row(`${layer.id}/scales`, 'float32', grids.calls, correctedScales(scales, correction));
}

/** [calls, O]: the correction's scale folded into the weight's. */
export function correctedScales(scales: Float32Array, correction: OutputCorrection): Float32Array {
  return correction.scale.map((scale, i) => scale * scales[i % scales.length]!);
}

/** [calls, O]: bias + offset. */
export function correctedBias(
  bias: Float32Array | undefined,
  correction: OutputCorrection,
  channels: number,
): Float32Array {
  return correction.offset.map((offset, i) => offset + (bias?.[i % channels] ?? 0));
}
