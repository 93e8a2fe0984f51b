import type { CallTableBuilder } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { IntegerGraphPlan, OutputCorrection } from '../../integer-graph-plan.js';
import { integerWeight } from '../../integer-weight.js';
import type { Layer } from '../../layers.js';
import type { PackedWeight } from '../../packed-weight.js';
import { removeNode } from '../../replace-layer.js';
import type { GridRows } from '../../scales-per-call.js';

/**
 * Turns convolutions into QLinearConv, whose output is rounded to the grid of the layer's output and made
 * float again behind it.
 *
 * They take no bias, and where the input's zero point is the same at all calls it is a constant: only then does
 * ONNX Runtime take its direct convolution (measured: three quarters of the time of the other). A bias in int32
 * would change with the call's input scale.
 * @throws CacheQuantError `unsupported` for a convolution with a bias
 */
export function integerConvolutions(
  builder: CallTableBuilder,
  rows: GridRows,
  layers: readonly Layer[],
  plan: IntegerGraphPlan,
): void {
  if (layers.length === 0) return;
  const weightZeroPoint = builder.constant('cachequant/weight_zero_point', 'int8', [], Int8Array.of(0));
  for (const layer of layers) {
    requireNoBias(layer);
    const packed = plan.compute.get(layer.id)!;
    const rounded = builder.name(`${layer.output}/uint8`);
    const weight = integerWeight(builder, packed);
    builder.model.graph.nodes.push({
      ...layer.node,
      name: `${layer.node.name || layer.output}/integer`,
      opType: 'QLinearConv',
      inputs: [
        rows.quantized(layer.input),
        rows.scale(layer.input),
        rows.zeroPoint(layer.input),
        weight,
        weightScales(builder, layer, packed, plan),
        weightZeroPoint,
        rows.scale(layer.output),
        rows.zeroPoint(layer.output),
      ],
      outputs: [rounded],
    });
    removeNode(builder.model.graph, layer.node);
    toFloat(builder, rows, layer, rounded, plan);
  }
}

function requireNoBias({ id, bias }: Layer): void {
  if (!bias) return;
  throw new CacheQuantError('unsupported', 'an integer convolution takes no bias', {
    where: id,
    hint: 'Call detachBiases on the float graph first.',
  });
}

/** The layer's float output, with the correction's offset where it has one. */
function toFloat(
  builder: CallTableBuilder,
  rows: GridRows,
  { id, output, outputChannels }: Layer,
  rounded: string,
  { corrections, grids }: IntegerGraphPlan,
): void {
  const scale = rows.scale(output);
  const zeroPoint = rows.zeroPoint(output);
  const offset = corrections.get(id)?.offset;
  if (!offset?.some((value) => value !== 0)) {
    builder.node('DequantizeLinear', [rounded, scale, zeroPoint], output);
    return;
  }
  const scaled = builder.node(
    'DequantizeLinear',
    [rounded, scale, zeroPoint],
    builder.name(`${output}/scaled`),
  );
  const row = builder.row(`${id}/offset`, 'float32', grids.calls, offset);
  const shape = builder.constant(
    'cachequant/per_channel',
    'int64',
    [3],
    BigInt64Array.of(BigInt(outputChannels), 1n, 1n),
  );
  const perChannel = builder.node('Reshape', [row, shape], builder.name(`${id}/offset/per_channel`));
  builder.node('Add', [scaled, perChannel], output);
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
