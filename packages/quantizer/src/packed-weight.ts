import { readWeight, type Weight, type WeightData, weightOf } from '@cachequant/onnx';
import { tensor } from '@cachequant/tensor';
import type { Layer } from './layers.js';
import { type QuantizedWeight, quantizeWeight, type WeightBits } from './weight-quantization.js';

/** A layer's parameters as the integer graphs use them. */
export interface PackedWeight {
  /** int8. Convolution: [O, C, kh, kw]; matrix product: [inputs, O]; stored for a float layer: as the original. */
  readonly integers: Weight;
  /** [O] */
  readonly scales: Float32Array;
  /** [O]; undefined for a layer without bias. */
  readonly bias: Float32Array | undefined;
}

/** Takes weights as they are made, so that only one is in memory; returns where it put them. */
export type WeightSink = (weight: Weight) => Promise<WeightData>;

/**
 * Reads, quantizes and hands on the weight of one layer.
 * @param purpose `compute` lays it out for integer kernels, `storage` keeps the layout of the float graph
 */
export async function packWeight(
  layer: Layer,
  bits: WeightBits,
  purpose: 'compute' | 'storage',
  sink: WeightSink,
): Promise<PackedWeight> {
  const source = (await readWeight(layer.weight)).data as Float32Array;
  const rows = layer.inputsFirst ? transpose(source, layer.inputs, layer.outputChannels) : source;
  const quantized = quantizeWeight(rows, layer.outputChannels, bits);
  const weight = layOut(layer, quantized, purpose);
  const bias = layer.bias ? ((await readWeight(layer.bias)).data as Float32Array) : undefined;
  return { integers: { ...weight, data: await sink(weight) }, scales: quantized.scales, bias };
}

function layOut(layer: Layer, { integers }: QuantizedWeight, purpose: 'compute' | 'storage'): Weight {
  const name = `${layer.id}/int8`;
  const asProduct = purpose === 'compute' && layer.kind !== 'convolution';
  if (asProduct || layer.inputsFirst) {
    const columns = transpose(integers, layer.outputChannels, layer.inputs);
    return weightOf(tensor('int8', [layer.inputs, layer.outputChannels], columns), name);
  }
  return weightOf(tensor('int8', layer.weight.dims, integers), name);
}

function transpose<A extends Float32Array | Int8Array>(values: A, rows: number, columns: number): A {
  const result = new (values.constructor as new (length: number) => A)(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column]!;
    }
  }
  return result;
}
