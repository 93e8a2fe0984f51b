import { readWeight } from '@cachequant/onnx';
import { MersenneTwister } from '@cachequant/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from './__fixtures__/models.js';
import { findLayers, type Layer } from './layers.js';
import { quantizeWeight, type WeightBits } from './weight-quantization.js';

const LARGEST_ACTIVATION = 255;
const [LOWEST, HIGHEST] = [-32768, 32767];

/** A layer's integers, [channels, inputs], with the inputs in the order in which kernels multiply them. */
interface KernelRows {
  readonly layer: Layer;
  readonly integers: Int8Array;
  readonly inputs: number;
}

/** Convolutions are multiplied as [O, kh, kw, C]: their kernels work on images with the channels last. */
async function kernelRows(layer: Layer, bits: WeightBits): Promise<KernelRows> {
  const source = (await readWeight(layer.weight)).data as Float32Array;
  const { inputs, outputChannels } = layer;
  const rows = new Float32Array(source.length);
  const area = layer.inputsFirst ? 1 : layer.weight.dims.slice(2).reduce((product, dim) => product * dim, 1);
  for (let o = 0; o < outputChannels; o++) {
    for (let k = 0; k < inputs; k++) {
      const at = (k % area) * (inputs / area) + Math.floor(k / area);
      rows[o * inputs + at] = layer.inputsFirst ? source[k * outputChannels + o]! : source[o * inputs + k]!;
    }
  }
  return { layer, integers: quantizeWeight(rows, outputChannels, bits).integers, inputs };
}

/** How many pairs of neighbouring inputs can pass 16 bits when their activations are at the top. */
function saturablePairs({ integers, inputs }: KernelRows): number {
  let count = 0;
  for (let at = 0; at < integers.length; at += inputs) {
    for (let k = 0; k + 1 < inputs; k += 2) {
      const [a, b] = [integers[at + k]!, integers[at + k + 1]!];
      const most = LARGEST_ACTIVATION * (Math.max(0, a) + Math.max(0, b));
      const least = LARGEST_ACTIVATION * (Math.min(0, a) + Math.min(0, b));
      if (most > HIGHEST || least < LOWEST) count += 1;
    }
  }
  return count;
}

/** One output: sums of pairs as vpmaddubsw makes them, in 16 bits with saturation, or as they are. */
function product(activations: Uint8Array, weights: Int8Array, saturate: boolean): number {
  let sum = 0;
  for (let k = 0; k < weights.length; k += 2) {
    const pair = activations[k]! * weights[k]! + (activations[k + 1] ?? 0) * (weights[k + 1] ?? 0);
    sum += saturate ? Math.min(HIGHEST, Math.max(LOWEST, pair)) : pair;
  }
  return sum;
}

/** The largest error of a layer's outputs by saturation, in units of the outputs' root mean square. */
function worstError({ integers, inputs }: KernelRows, activation: () => number): number {
  let worst = 0;
  let power = 0;
  const channels = integers.length / inputs;
  for (let o = 0; o < channels; o++) {
    const weights = integers.subarray(o * inputs, (o + 1) * inputs);
    const activations = Uint8Array.from({ length: inputs }, activation);
    const exact = product(activations, weights, false);
    power += exact * exact;
    worst = Math.max(worst, Math.abs(exact - product(activations, weights, true)));
  }
  return worst / Math.sqrt(power / channels);
}

/** Integer layers of the example model. */
const layers = findLayers(loadModel('fashion-sd/unet').graph).filter(
  ({ id }) => !/conv_in|conv_out/.test(id),
);
const rows = new Map<WeightBits, KernelRows[]>();
beforeAll(async () => {
  for (const bits of [4, 7, 8] as const) {
    rows.set(bits, await Promise.all(layers.map((layer) => kernelRows(layer, bits))));
  }
}, 60_000);

describe('16-bit sums of two products on the weights of models/fashion-sd', () => {
  test.each([4, 7] as const)('never saturate with %i bits, in any layer', (bits) => {
    expect(rows.get(bits)!.filter((layer) => saturablePairs(layer) > 0)).toEqual([]);
    const brightest = () => LARGEST_ACTIVATION;
    expect(rows.get(bits)!.every((layer) => worstError(layer, brightest) === 0)).toBe(true);
  });

  test('can saturate with 8 bits, in every layer: 7.5 % of all pairs', () => {
    const counts = rows.get(8)!.map((layer) => saturablePairs(layer));
    const pairs = rows.get(8)!.reduce((sum, { integers }) => sum + integers.length / 2, 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(counts.filter((count) => count === 0)).toEqual([]);
    expect(total / pairs).toBeCloseTo(0.0755, 3);
  });

  test('do with 8 bits when activations are large: some outputs are then off by more than a tenth', () => {
    const generator = new MersenneTwister(1);
    const large = () => 200 + (generator.nextUint32() % 56);
    const errors = rows.get(8)!.map((layer) => worstError(layer, large));
    expect(errors.filter((error) => error > 0.1).length).toBeGreaterThan(0);
  });
});
