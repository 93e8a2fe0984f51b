import { getInts, getString, type TensorFacts } from '@cachequant/onnx';
import type { Layer } from '../layers.js';

/** Where the rows that a layer multiplies with its weight lie in its input tensor. */
export interface LayerPatches {
  /** The same for layers that read the same rows, such as the projections to queries, keys and values. */
  readonly key: string;
  readonly input: string;
  /** Elements of the input tensor. */
  readonly elements: number;
  /** How many rows there are: output positions of all images of the batch. */
  readonly rows: number;
  /** Length of a row: inputs of the layer, in the order of its weight's [O, C, kh, kw] or [inputs, O]. */
  readonly width: number;
  /** Flat index of each element of a row in the input tensor; −1 where the convolution pads with zero. */
  indicesOf(row: number): Int32Array;
}

/**
 * Finds the rows of a layer: tokens of a matrix product, patches of a convolution (its im2col).
 * @param shapes static, at the batch that is run
 * @returns undefined for convolutions in groups or with automatic padding, and where a shape is not known
 */
export function layerPatches(
  layer: Layer,
  shapes: ReadonlyMap<string, TensorFacts>,
): LayerPatches | undefined {
  const input = staticDims(shapes, layer.input);
  if (!input) return undefined;
  return layer.node.opType === 'Conv' ? convolution(layer, input, shapes) : tokens(layer, input);
}

function tokens({ input, inputs }: Layer, dims: readonly number[]): LayerPatches {
  const elements = product(dims);
  return {
    key: JSON.stringify([input, 'tokens']),
    input,
    elements,
    rows: elements / inputs,
    width: inputs,
    indicesOf: (row) => Int32Array.from({ length: inputs }, (_, k) => row * inputs + k),
  };
}

function convolution(
  layer: Layer,
  dims: readonly number[],
  shapes: ReadonlyMap<string, TensorFacts>,
): LayerPatches | undefined {
  const { node, weight, input } = layer;
  const output = staticDims(shapes, layer.output);
  const [batch, channels, height, width] = dims as [number, number, number, number];
  const [, perGroup, kernelHeight, kernelWidth] = weight.dims as [number, number, number, number];
  const automatic = !['NOTSET', 'VALID'].includes(getString(node, 'auto_pad', 'NOTSET'));
  if (!output || perGroup !== channels || automatic) return undefined;
  const [strideY = 1, strideX = 1] = getInts(node, 'strides', [1, 1]);
  const [dilationY = 1, dilationX = 1] = getInts(node, 'dilations', [1, 1]);
  const [top = 0, left = 0] = getInts(node, 'pads', [0, 0, 0, 0]);
  const [, , outputHeight, outputWidth] = output as [number, number, number, number];
  const kernel = [kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX, top, left];
  const indicesOf = (row: number): Int32Array => {
    const indices = new Int32Array(layer.inputs);
    const image = Math.floor(row / (outputHeight * outputWidth));
    const outY = Math.floor(row / outputWidth) % outputHeight;
    const outX = row % outputWidth;
    let at = 0;
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height * width;
      for (let ky = 0; ky < kernelHeight; ky++) {
        const y = outY * strideY - top + ky * dilationY;
        for (let kx = 0; kx < kernelWidth; kx++) {
          const x = outX * strideX - left + kx * dilationX;
          const inside = y >= 0 && y < height && x >= 0 && x < width;
          indices[at++] = inside ? plane + y * width + x : -1;
        }
      }
    }
    return indices;
  };
  return {
    key: JSON.stringify([input, kernel]),
    input,
    elements: product(dims),
    rows: batch * outputHeight * outputWidth,
    width: layer.inputs,
    indicesOf,
  };
}

function staticDims(shapes: ReadonlyMap<string, TensorFacts>, name: string): number[] | undefined {
  const dims = shapes.get(name)?.dims;
  return dims?.every((dim) => typeof dim === 'number') ? (dims as number[]) : undefined;
}

function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}
