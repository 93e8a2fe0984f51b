import { type CallTableBuilder, GraphIndex } from '@cachequant/onnx';
import type { IntegerGraphPlan } from '../../integer-graph-plan.js';
import { integerWeight } from '../../integer-weight.js';
import type { Layer } from '../../layers.js';
import { removeNode } from '../../replace-layer.js';
import type { GridRows } from '../../scales-per-call.js';
import { correctedBias, correctedScales } from './integer-convolution.js';
import { type OutputSlice, type OutputSlices, outputSlices } from './output-slices.js';
import { wirePointwise } from './pointwise-layout.js';

/**
 * Turns a linear layer or a 1×1 convolution into MatMulIntegerToFloat, whose output is not rounded. A linear layer
 * whose output is only read in slices becomes one product for each: ONNX Runtime cuts the constant weight when it
 * loads the graph, instead of the output on each call.
 */
export function integerProduct(
  builder: CallTableBuilder,
  rows: GridRows,
  layer: Layer,
  plan: IntegerGraphPlan,
): void {
  const { graph } = builder.model;
  const slices = slicesOf(builder, layer, plan);
  for (const node of slices?.nodes ?? []) removeNode(graph, node);
  removeNode(graph, layer.node);
  if (layer.biasAdd) removeNode(graph, layer.biasAdd);
  const wiring =
    layer.kind === 'pointwise'
      ? wirePointwise(builder, rows, layer, plan.shapes)
      : { input: rows.quantized(layer.input), output: layer.output };
  const weight = integerWeight(builder, plan.compute.get(layer.id)!);
  const name = `${layer.node.name || layer.output}/integer`;
  const whole = { output: wiring.output, start: 0, end: layer.outputChannels };
  for (const [i, piece] of (slices?.pieces ?? [whole]).entries()) {
    const [scales, bias] = parameters(builder, layer, plan, piece);
    builder.node(
      'MatMulIntegerToFloat',
      [
        wiring.input,
        columns(builder, weight, layer, piece),
        rows.scale(layer.input),
        scales,
        rows.zeroPoint(layer.input),
        '',
        ...(bias ? [bias] : []),
      ],
      piece.output,
      {},
      { domain: 'com.microsoft', name: slices ? `${name}/${i}` : name },
    );
  }
}

function slicesOf(
  { model }: CallTableBuilder,
  layer: Layer,
  { corrections, shapes }: IntegerGraphPlan,
): OutputSlices | undefined {
  if (layer.kind !== 'linear' || corrections.has(layer.id)) return undefined;
  return outputSlices(new GraphIndex(model.graph), layer, shapes);
}

/** The columns of a weight [inputs, O] that make a piece of the output. */
function columns(
  builder: CallTableBuilder,
  weight: string,
  { outputChannels }: Layer,
  { start, end }: OutputSlice,
): string {
  if (start === 0 && end === outputChannels) return weight;
  const index = (base: string, value: number) =>
    builder.constant(`cachequant/${base}`, 'int64', [1], BigInt64Array.of(BigInt(value)));
  return builder.node(
    'Slice',
    [weight, index('start', start), index('end', end), index('axis', 1)],
    builder.name(`${weight}/${start}`),
  );
}

/** Names of the weight's scales and of the bias, per call where the layer is corrected. */
function parameters(
  builder: CallTableBuilder,
  layer: Layer,
  plan: IntegerGraphPlan,
  { start, end }: OutputSlice,
): [string, string | undefined] {
  const { scales, bias } = plan.compute.get(layer.id)!;
  const channels = layer.outputChannels;
  const correction = plan.corrections.get(layer.id);
  if (correction) {
    const { calls } = plan.grids;
    return [
      builder.row(`${layer.id}/scales`, 'float32', calls, correctedScales(scales, correction)),
      builder.row(`${layer.id}/bias`, 'float32', calls, correctedBias(bias, correction, channels)),
    ];
  }
  return [
    builder.constant(`${layer.id}/scales`, 'float32', [end - start], scales.slice(start, end)),
    bias && builder.constant(`${layer.id}/bias`, 'float32', [end - start], bias.slice(start, end)),
  ];
}
