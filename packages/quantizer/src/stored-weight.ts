import type { CallTableBuilder } from '@cachequant/onnx';
import type { Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';

/**
 * Stores a float layer's weight as integers: Cast and Mul on constants, which every ONNX Runtime folds into
 * the float weight when it loads the model (unlike DequantizeLinear, which it runs again on each call).
 *
 * Whatever else reads the float weight goes on reading it.
 * @param purpose what the integers were laid out for; those for integer kernels are turned round first
 */
export function storeAsIntegers(
  builder: CallTableBuilder,
  layer: Layer,
  packed: PackedWeight,
  purpose: 'compute' | 'storage' = 'storage',
): void {
  builder.model.graph.initializers.set(packed.integers.name, packed.integers);
  const layout = packed.layout ?? purpose;
  const turned = layout === 'compute' && layer.kind !== 'convolution' && !layer.inputsFirst;
  const axis = layer.inputsFirst || turned ? 1 : 0;
  const scaleDims = packed.integers.dims.map((_, at) => (at === axis ? layer.outputChannels : 1));
  const scales = builder.constant(`${layer.id}/scales`, 'float32', scaleDims, packed.scales);
  const asFloat = builder.node('Cast', [packed.integers.name], builder.name(`${layer.id}/cast`), { to: 1 });
  const float = builder.node('Mul', [asFloat, scales], builder.name(`${layer.id}/float`));
  layer.node.inputs[1] = turned ? asInFloatGraph(builder, layer, float) : float;
}

/** From [inputs, channels] to [channels, …]. */
function asInFloatGraph(builder: CallTableBuilder, layer: Layer, float: string): string {
  const { dims } = layer.weight;
  const rows = builder.node('Transpose', [float], builder.name(`${layer.id}/rows`), { perm: [1, 0] });
  if (dims.length === 2) return rows;
  const shape = builder.constant(
    `${layer.id}/dims`,
    'int64',
    [dims.length],
    BigInt64Array.from(dims, BigInt),
  );
  return builder.node('Reshape', [rows, shape], builder.name(`${layer.id}/kernel`));
}
