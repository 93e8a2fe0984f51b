import type { CallTableBuilder } from '@cachequant/onnx';
import type { Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';

/**
 * Stores a float layer's weight as integers: Cast and Mul on constants, which every ONNX Runtime folds into
 * the float weight when it loads the model (unlike DequantizeLinear, which it runs again on each call).
 */
export function storeAsIntegers(builder: CallTableBuilder, layer: Layer, packed: PackedWeight): void {
  const { graph } = builder.model;
  const { name, dims } = layer.weight;
  graph.initializers.delete(name);
  graph.initializers.set(packed.integers.name, packed.integers);
  const scaleDims = dims.map((_, axis) => (axis === channelAxis(layer) ? layer.outputChannels : 1));
  const scales = builder.constant(`${name}/scales`, 'float32', scaleDims, packed.scales);
  const asFloat = builder.node('Cast', [packed.integers.name], builder.name(`${name}/cast`), { to: 1 });
  builder.node('Mul', [asFloat, scales], name);
}

function channelAxis(layer: Layer): number {
  return layer.inputsFirst ? layer.weight.dims.length - 1 : 0;
}
