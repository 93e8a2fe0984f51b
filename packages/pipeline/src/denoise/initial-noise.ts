import { type Tensor, TorchGenerator, tensor } from '@cachequant/tensor';

/** Draws unit normal numbers, in an order that its seed fixes. */
export interface NoiseSource {
  /** Draws that many unit normal numbers. */
  randn(count: number): Float32Array;
}

/** Unit normal noise [B, C, H, W], and for each image the generator that goes on from there. */
export interface InitialNoise {
  /** [B, C, H, W], unit normal; image i is what torch.randn(1, C, H, W) gives for seed i. */
  readonly noise: Tensor<'float32'>;
  /** Each goes on where its image's noise ended. */
  readonly generators: readonly NoiseSource[];
}

/**
 * Draws each image's noise from a generator of its own.
 * @param shape [C, H, W]
 * @throws CacheQuantError `invalid-argument` for a seed that is no integer
 */
export function initialNoise(
  seeds: readonly number[],
  shape: readonly [number, number, number],
): InitialNoise {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const generators = seeds.map((seed) => new TorchGenerator(seed));
  const noise = tensor('float32', [seeds.length, ...shape]);
  generators.forEach((generator, i) => {
    noise.data.set(generator.randn(size), i * size);
  });
  return { noise, generators };
}
