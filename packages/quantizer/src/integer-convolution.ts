import type { CallTableBuilder } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { GridRows } from './grid-rows.js';
import type { IntegerGraphPlan, OutputCorrection } from './integer-graph.js';
import type { Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';
import { removeNode } from './replace-layer.js';

/** Beyond this an int32 bias leaves no room for the sum of products. */
const BIAS_LIMIT = 2 ** 30;

/**
 * Turns convolutions into QLinearConv. Its bias is in units of x_scale · w_scale, which changes with the call,
 * so all biases are computed together in the graph: round(bias / w_scale / x_scale).
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

function integerBiases(
  builder: CallTableBuilder,
  rows: GridRows,
  layers: readonly Layer[],
  plan: IntegerGraphPlan,
): string[] {
  const widths = layers.map((layer) => layer.outputChannels);
  const total = widths.reduce((sum, width) => sum + width, 0);
  const site = new BigInt64Array(total);
  let offset = 0;
  for (const layer of layers) {
    site.fill(BigInt(rows.indexOf(layer.input)), offset, offset + layer.outputChannels);
    offset += layer.outputChannels;
  }
  const sites = builder.constant('cachequant/bias_sites', 'int64', [total], site);
  const inputScales = builder.node('Gather', [rows.scaleRow, sites], builder.name('cachequant/bias_scales'), {
    axis: 0,
  });
  const inWeightUnits = biasesInWeightUnits(builder, layers, plan);
  const exact = builder.node('Div', [inWeightUnits, inputScales], builder.name('cachequant/bias_exact'));
  const rounded = builder.node('Round', [exact], builder.name('cachequant/bias_rounded'));
  const integers = builder.node('Cast', [rounded], builder.name('cachequant/bias_int32'), { to: 6 });
  return builder.split(integers, 'cachequant/bias', widths);
}

/**
 * bias / w_scale of all convolutions behind one another. Runs of layers without a correction are constants;
 * only those that a correction moves take a table.
 */
function biasesInWeightUnits(
  builder: CallTableBuilder,
  layers: readonly Layer[],
  plan: IntegerGraphPlan,
): string {
  const pieces: string[] = [];
  let constant: number[] = [];
  const endRun = (): void => {
    if (constant.length === 0) return;
    const values = Float32Array.from(constant);
    pieces.push(builder.constant('cachequant/bias_in_weight_units', 'float32', [values.length], values));
    constant = [];
  };
  for (const layer of layers) {
    const corrected = plan.corrections.has(layer.id);
    const values = layerBias(layer, plan, corrected ? plan.grids.calls : 1);
    checkBias(values, layer, plan);
    if (corrected) {
      endRun();
      pieces.push(builder.row(`${layer.id}/bias_in_weight_units`, 'float32', plan.grids.calls, values));
    } else {
      constant.push(...values);
    }
  }
  endRun();
  if (pieces.length === 1) return pieces[0]!;
  return builder.node('Concat', pieces, builder.name('cachequant/bias_in_weight_units'), { axis: 0 });
}

/** [calls, O] */
function layerBias(
  { id, outputChannels }: Layer,
  { compute, corrections }: IntegerGraphPlan,
  calls: number,
): Float32Array {
  const { bias, scales } = compute.get(id)!;
  const correction = corrections.get(id);
  return Float32Array.from({ length: calls * outputChannels }, (_, at) => {
    const o = at % outputChannels;
    return ((bias?.[o] ?? 0) + (correction?.offset[at] ?? 0)) / (scales[o]! * (correction?.scale[at] ?? 1));
  });
}

/** @param values [calls or 1, O] */
function checkBias(
  values: Float32Array,
  { id, input, outputChannels }: Layer,
  { grids }: IntegerGraphPlan,
): void {
  const column = grids.sites.indexOf(input);
  for (let call = 0; call < grids.calls; call++) {
    const scale = grids.scales[call * grids.sites.length + column]!;
    for (let o = 0; o < outputChannels; o++) {
      if (Math.abs(values[(call * outputChannels + o) % values.length]!) / scale < BIAS_LIMIT) continue;
      throw new CacheQuantError('calibration', 'the bias of a convolution does not fit 32-bit integers', {
        where: id,
        hint: 'Keep this layer in float.',
      });
    }
  }
}
