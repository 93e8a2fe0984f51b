import type { CallTableBuilder } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { GridRows } from './grid-rows.js';
import type { IntegerGraphPlan } from './integer-graph.js';
import type { Layer } from './layers.js';

/** Beyond this an int32 bias leaves no room for the sum of products. */
const BIAS_LIMIT = 2 ** 30;

/**
 * The int32 biases of convolutions, by name, in the layers' order. A bias is in units of x_scale · w_scale,
 * which changes with the call, so all are computed together in the graph: round(bias / w_scale / x_scale).
 * @throws CacheQuantError `calibration` for a bias beyond 2^30 of its units at any call
 */
export function integerBiases(
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
