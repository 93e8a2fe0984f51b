import type { CallTableBuilder } from '@cachequant/onnx';
import type { Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';

/**
 * Stores a float layer's weight as integers: Cast and Mul on constants, which every ONNX Runtime folds into
 * the float weight when it loads the model (unlike DequantizeLinear, which it runs again on each call).
 *
 * Whatever else reads the float weight goes on reading it.
 */
export function storeAsIntegers(builder: CallTableBuilder, layer: Layer, packed: PackedWeight): void {
  builder.model.graph.initializers.set(packed.integers.name, packed.integers);
  const axis = layer.inputsFirst ? 1 : 0;
  const scaleDims = layer.weight.dims.map((_, at) => (at === axis ? layer.outputChannels : 1));
  const scales = builder.constant(`${layer.id}/scales`, 'float32', scaleDims, packed.scales);
  const asFloat = builder.node('Cast', [packed.integers.name], builder.name(`${layer.id}/cast`), { to: 1 });
  layer.node.inputs[1] = builder.node('Mul', [asFloat, scales], builder.name(`${layer.id}/float`));
}
