import { readWeight } from '@cachequant/onnx';
import type { ActivationGridTable } from '../activation-statistics.js';
import type { OutputCorrection } from '../integer-graph-plan.js';
import type { Layer } from '../layers.js';
import type { PackedWeight } from '../packed-weight.js';

export interface Window {
  readonly strides?: readonly [number, number];
  /** top, left, bottom, right */
  readonly pads?: readonly [number, number, number, number];
  readonly dilations?: readonly [number, number];
  readonly group?: number;
}

/** A convolution of [1, C, H, W] by its definition; padding counts as zero. */
function convolve(
  x: Float64Array,
  [, channels, height, width]: readonly number[],
  w: ArrayLike<number>,
  [outputs, perGroup, kernelHeight, kernelWidth]: readonly number[],
  { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 }: Window,
): { data: Float64Array; positions: number } {
  const rows =
    Math.floor((height! + pads[0] + pads[2] - dilations[0] * (kernelHeight! - 1) - 1) / strides[0]) + 1;
  const columns =
    Math.floor((width! + pads[1] + pads[3] - dilations[1] * (kernelWidth! - 1) - 1) / strides[1]) + 1;
  const data = new Float64Array(outputs! * rows * columns);
  const at = (c: number, i: number, j: number) =>
    i < 0 || j < 0 || i >= height! || j >= width! ? 0 : x[(c * height! + i) * width! + j]!;
  for (let o = 0; o < outputs!; o++) {
    const first = Math.floor(o / (outputs! / group)) * (channels! / group);
    for (let p = 0; p < rows * columns; p++) {
      let sum = 0;
      for (let k = 0; k < perGroup! * kernelHeight! * kernelWidth!; k++) {
        const c = Math.floor(k / (kernelHeight! * kernelWidth!));
        const i =
          Math.floor(p / columns) * strides[0] -
          pads[0] +
          (Math.floor(k / kernelWidth!) % kernelHeight!) * dilations[0];
        const j = (p % columns) * strides[1] - pads[1] + (k % kernelWidth!) * dilations[1];
        sum += at(first + c, i, j) * w[o * perGroup! * kernelHeight! * kernelWidth! + k]!;
      }
      data[o * rows * columns + p] = sum;
    }
  }
  return { data, positions: rows * columns };
}

/** Scale and zero point of a tensor at a call. */
export function gridAt({ sites, scales, zeroPoints }: ActivationGridTable, site: string, call: number) {
  const at = call * sites.length + sites.indexOf(site);
  return { scale: scales[at]!, zeroPoint: zeroPoints[at]! };
}

/** q − zeroPoint of a tensor. */
function levels(x: Float32Array, { scale, zeroPoint }: { scale: number; zeroPoint: number }): Float64Array {
  return Float64Array.from(x, (value) =>
    Math.min(255 - zeroPoint, Math.max(-zeroPoint, roundEven(value / scale))),
  );
}

/** Halves to the even number, written without the trick that the package uses. */
export function roundEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

export interface Emulation {
  readonly grids: ActivationGridTable;
  readonly packed: PackedWeight;
  readonly call: number;
  readonly correction?: OutputCorrection | undefined;
}

/** What QLinearConv should give: integer sums, one rounding to the output's grid; a correction's offset comes on top. */
export async function emulateConvolution(
  layer: Layer,
  x: { readonly data: Float32Array; readonly dims: readonly number[] },
  window: Window,
  { grids, packed, call, correction }: Emulation,
): Promise<Float32Array> {
  const input = gridAt(grids, layer.input, call);
  const output = gridAt(grids, layer.output, call);
  const weight = (await readWeight(packed.integers)).data as Int8Array;
  const sums = convolve(levels(x.data, input), x.dims, weight, packed.integers.dims, window);
  return Float32Array.from(sums.data, (sum, i) => {
    const o = Math.floor(i / sums.positions);
    const at = call * layer.outputChannels + o;
    const scale = packed.scales[o]! * (correction?.scale[at] ?? 1);
    const level = roundEven((sum * scale * input.scale) / output.scale);
    const held = Math.min(255 - output.zeroPoint, Math.max(-output.zeroPoint, level)) * output.scale;
    return held + (correction?.offset[at] ?? 0);
  });
}

/** What MatMulIntegerToFloat should give on rows of [rows, inputs]. */
export async function emulateProduct(
  layer: Layer,
  x: Float32Array,
  { grids, packed, call, correction }: Emulation,
): Promise<Float32Array> {
  const input = gridAt(grids, layer.input, call);
  const weight = (await readWeight(packed.integers)).data as Int8Array;
  const q = levels(x, input);
  const { inputs, outputChannels } = layer;
  return Float32Array.from({ length: (x.length / inputs) * outputChannels }, (_, i) => {
    const o = i % outputChannels;
    const row = Math.floor(i / outputChannels) * inputs;
    let sum = 0;
    for (let k = 0; k < inputs; k++) sum += q[row + k]! * weight[k * outputChannels + o]!;
    const at = call * outputChannels + o;
    const scale = packed.scales[o]! * (correction?.scale[at] ?? 1) * input.scale;
    return sum * scale + (packed.bias?.[o] ?? 0) + (correction?.offset[at] ?? 0);
  });
}
