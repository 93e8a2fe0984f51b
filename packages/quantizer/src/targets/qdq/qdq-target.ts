import type { CallTableBuilder } from '@cachequant/onnx';
import type { IntegerGraphPlan } from '../../integer-graph-plan.js';
import { integerWeight } from '../../integer-weight.js';
import type { Layer } from '../../layers.js';
import type { PackedWeight } from '../../packed-weight.js';
import type { GridRows } from '../../scales-per-call.js';
import type { IntegerTarget } from '../integer-target.js';

/**
 * Standard ONNX operators alone, for OpenVINO, TensorRT, WebNN and whatever else looks for pairs of QuantizeLinear and
 * DequantizeLinear: it computes such layers in integers, others compute the same numbers in float.
 *
 * These runtimes want scales and zero points that are constants, while ours change with the network call. A layer is
 * homogeneous, W x = s · W (x / s): the input is divided by the call's scale s before a pair whose own scale is 1, and
 * the output multiplied by it. Every call keeps its own grid, and the rounding is the same as with the scale inside.
 */
export const qdqTarget: IntegerTarget = {
  name: 'qdq',
  opsets: {},
  kernels: {},
  standardOperators: true,
  gridSites: ({ input }) => [input],
  constantZeroPoints: ({ input }) => [input],
  write(builder, rows, layers, plan) {
    const one = builder.constant('cachequant/one', 'float32', [], Float32Array.of(1));
    const rounded = new Map<string, string>();
    for (const layer of layers) {
      const { id, node, input } = layer;
      const levels = rounded.get(input) ?? roundToLevels(builder, rows, input, one);
      rounded.set(input, levels);
      const weight = floatWeight(builder, layer, plan.compute.get(id)!);
      const bias = node.inputs[2];
      const output = node.outputs[0]!;
      const product = builder.name(`${output}/levels`);
      node.inputs = [levels, weight];
      node.outputs = [product];
      scaleOutput(builder, { layer, product, bias, output, scale: rows.scale(input) }, plan);
    }
  },
};

/** x / s, rounded and clipped to q − z: as float again, in units of the scale. */
function roundToLevels(builder: CallTableBuilder, rows: GridRows, input: string, one: string): string {
  const scaled = builder.node('Div', [input, rows.scale(input)], builder.name(`${input}/scaled`));
  const zeroPoint = rows.zeroPoint(input);
  const integers = builder.node('QuantizeLinear', [scaled, one, zeroPoint], builder.name(`${input}/uint8`));
  return builder.node('DequantizeLinear', [integers, one, zeroPoint], builder.name(`${input}/levels`));
}

/** The weight in the layout of the float graph, by a DequantizeLinear with a scale for each output channel. */
function floatWeight(
  builder: CallTableBuilder,
  { id, kind, weight, inputsFirst, outputChannels }: Layer,
  packed: PackedWeight,
): string {
  const scales = builder.constant(`${id}/scales`, 'float32', [outputChannels], packed.scales);
  const axis = kind === 'convolution' ? 0 : 1;
  const inputs = [integerWeight(builder, packed), scales];
  const float = builder.node('DequantizeLinear', inputs, builder.name(`${id}/weight`), { axis });
  if (kind === 'convolution' || inputsFirst) return float;
  const turned = builder.node('Transpose', [float], builder.name(`${id}/rows`), { perm: [1, 0] });
  if (weight.dims.length === 2) return turned;
  const dims = BigInt64Array.from(weight.dims, BigInt);
  const shape = builder.constant(`${id}/dims`, 'int64', [dims.length], dims);
  return builder.node('Reshape', [turned, shape], builder.name(`${id}/kernel`));
}

interface Scaling {
  readonly layer: Layer;
  /** In units of the input's scale. */
  readonly product: string;
  readonly bias: string | undefined;
  /** The name that the layer's output has in the graph. */
  readonly output: string;
  readonly scale: string;
}

/** y = s · product, times the correction's scale and with its offset where the layer has one, and its bias. */
function scaleOutput(
  builder: CallTableBuilder,
  { layer, product, bias, output, scale }: Scaling,
  { corrections, grids }: IntegerGraphPlan,
): void {
  const correction = corrections.get(layer.id);
  const perChannel = (row: string, part: 'scale' | 'offset' | 'bias'): string => {
    if (layer.kind === 'linear') return row;
    const dims = BigInt64Array.of(BigInt(layer.outputChannels), 1n, 1n);
    const shape = builder.constant('cachequant/per_channel', 'int64', [3], dims);
    return builder.node('Reshape', [row, shape], builder.name(`${layer.id}/${part}/per_channel`));
  };
  const row = (part: 'scale' | 'offset') =>
    perChannel(builder.row(`${layer.id}/${part}`, 'float32', grids.calls, correction![part]), part);
  const factors = [scale, ...(correction ? [row('scale')] : [])];
  const offset = correction?.offset.some((value) => value !== 0) ? [row('offset')] : [];
  const steps = [
    ...factors.map((operand) => ['Mul', operand] as const),
    ...[...offset, ...(bias ? [perChannel(bias, 'bias')] : [])].map((operand) => ['Add', operand] as const),
  ];
  let value = product;
  for (const [at, [opType, operand]] of steps.entries()) {
    const last = at === steps.length - 1;
    value = builder.node(opType, [value, operand], last ? output : builder.name(`${output}/${opType}`));
  }
}
