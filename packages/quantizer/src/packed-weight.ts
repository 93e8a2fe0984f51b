import { readWeight, type Weight, type WeightData, weightOf } from '@cachequant/onnx';
import { finishUnlessAborted, packInt4, type TwoFold, tensor } from '@cachequant/tensor';
import { quantizeWithGptq } from './gptq/gptq-weight.js';
import type { SecondMoments } from './gptq/second-moments.js';
import type { Layer } from './layers.js';
import { type QuantizedWeight, quantizeWeightInPieces, type WeightBits } from './weight-quantization.js';

/** A layer's parameters as the integer graphs use them. */
export interface PackedWeight {
  /** int8, or int4 for weights of 4 bits. Convolution: [O, C, kh, kw]; matrix product: [inputs, O]; stored for a float layer: as the original. */
  readonly integers: Weight;
  /** [O] */
  readonly scales: Float32Array;
  /** [O]; undefined for a layer without bias. */
  readonly bias: Float32Array | undefined;
  /** `compute` for integers in the layout of integer kernels that a float layer shares with one that computes in them. */
  readonly layout?: 'compute';
  /** How second-order rounding went, where it was used. */
  readonly rounding?: Rounding;
}

/** Errors of a layer's outputs by rounding its weight, relative to their power, on calibration inputs. */
export interface Rounding {
  readonly damping: number;
  readonly error: number;
  readonly plainError: number;
}

/** The bits of a weight, what they are for, and where they go. */
export interface PackOptions {
  readonly bits: WeightBits;
  /** `compute` lays it out for integer kernels, `storage` keeps the layout of the float graph. */
  readonly purpose: 'compute' | 'storage';
  readonly sink: WeightSink;
  /** Of the layer's inputs: the weight is rounded so that its outputs change least. */
  readonly moments?: TwoFold<SecondMoments> | undefined;
  /** Stops between the channels. */
  readonly signal?: AbortSignal | undefined;
}

/** Takes weights as they are made, so that only one is in memory; returns where it put them. */
export type WeightSink = (weight: Weight) => Promise<WeightData>;

/**
 * Reads, quantizes and hands on the weight of one layer.
 * @throws CacheQuantError `aborted`
 */
export async function packWeight(
  layer: Layer,
  { bits, purpose, sink, moments, signal }: PackOptions,
): Promise<PackedWeight> {
  const source = (await readWeight(layer.weight)).data as Float32Array;
  const rows = layer.inputsFirst ? transpose(source, layer.inputs, layer.outputChannels) : source;
  const { outputChannels } = layer;
  const rounded =
    moments && (await finishUnlessAborted(quantizeWithGptq(rows, outputChannels, bits, moments), signal));
  const quantized =
    rounded ?? (await finishUnlessAborted(quantizeWeightInPieces(rows, outputChannels, bits), signal));
  const weight = layOut(layer, quantized, purpose, bits === 4 ? 'int4' : 'int8');
  const bias = layer.bias ? ((await readWeight(layer.bias)).data as Float32Array) : undefined;
  const packed = { integers: { ...weight, data: await sink(weight) }, scales: quantized.scales, bias };
  if (!rounded) return packed;
  const { damping, error, plainError } = rounded;
  return { ...packed, rounding: { damping, error, plainError } };
}

function layOut(
  layer: Layer,
  { integers }: QuantizedWeight,
  purpose: PackOptions['purpose'],
  dtype: 'int4' | 'int8',
): Weight {
  const asProduct = purpose === 'compute' && layer.kind !== 'convolution';
  const columns = asProduct || layer.inputsFirst;
  const dims = columns ? [layer.inputs, layer.outputChannels] : layer.weight.dims;
  const data = columns ? transpose(integers, layer.outputChannels, layer.inputs) : integers;
  const stored = dtype === 'int4' ? tensor('int4', dims, packInt4(data)) : tensor('int8', dims, data);
  return weightOf(stored, `${layer.id}/${dtype}`);
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
