import type { CallTableBuilder } from '@cachequant/onnx';
import type { GridRows } from './grid-rows.js';
import { correctedBias, correctedScales } from './integer-convolution.js';
import type { IntegerGraphPlan } from './integer-graph.js';
import type { Layer } from './layers.js';
import { wirePointwise } from './pointwise-layout.js';
import { removeNode } from './replace-layer.js';

/** Turns a linear layer or a 1×1 convolution into MatMulIntegerToFloat, whose output is not rounded. */
export function integerProduct(
  builder: CallTableBuilder,
  rows: GridRows,
  layer: Layer,
  plan: IntegerGraphPlan,
): void {
  const { graph } = builder.model;
  removeNode(graph, layer.node);
  if (layer.biasAdd) removeNode(graph, layer.biasAdd);
  const wiring =
    layer.kind === 'pointwise'
      ? wirePointwise(builder, rows, layer, plan.shapes)
      : { input: rows.quantized(layer.input), output: layer.output };
  const packed = plan.compute.get(layer.id)!;
  graph.initializers.set(packed.integers.name, packed.integers);
  const [scales, bias] = parameters(builder, layer, plan);
  builder.node(
    'MatMulIntegerToFloat',
    [
      wiring.input,
      packed.integers.name,
      rows.scale(layer.input),
      scales,
      rows.zeroPoint(layer.input),
      '',
      ...(bias ? [bias] : []),
    ],
    wiring.output,
    {},
    { domain: 'com.microsoft', name: `${layer.node.name || layer.output}/integer` },
  );
}

/** Names of the weight's scales and of the bias, per call where the layer is corrected. */
function parameters(
  builder: CallTableBuilder,
  layer: Layer,
  plan: IntegerGraphPlan,
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
    builder.constant(`${layer.id}/scales`, 'float32', [channels], scales),
    bias && builder.constant(`${layer.id}/bias`, 'float32', [channels], bias),
  ];
}
