import { CacheQuantError, readTensor, type Session, tensor } from '@cachequant/tensor';
import type { RgbImage } from './rgb-image.js';

/** A scorer's outputs for one picture, by name. */
export type PictureScores = Readonly<Record<string, Float32Array>>;

/** A network that looks at pictures, such as `models/fashion-eval`. */
export interface PictureScorer {
  readonly outputs: readonly string[];
  /**
   * Features and logits of one picture.
   * @throws CacheQuantError `shape` for a picture of another size than the network takes
   */
  score(picture: RgbImage): Promise<PictureScores>;
  /** Frees the network. */
  dispose(): Promise<void>;
}

/**
 * Makes a scorer of any ONNX network with one input [B, 3, H, W] float32, pictures in [−1, 1]. An output
 * `features` [B, D] serves the Fréchet distance; one with a number for each class, the accuracy; one with a
 * single number, its mean. It owns the session.
 * @throws CacheQuantError `unsupported` for a network with other inputs
 */
export function pictureScorer(session: Session): PictureScorer {
  const [input, ...others] = session.inputs;
  if (!input || others.length > 0 || input.dtype !== 'float32' || input.dims.length !== 4) {
    throw new CacheQuantError('unsupported', 'the scorer takes no pictures', {
      where: 'scorer',
      expected: 'one input, float32 [B, 3, H, W]',
      got: session.inputs.map(({ name, dtype, dims }) => `${name} ${dtype} [${dims}]`).join(', '),
    });
  }
  const outputs = session.outputs.map(({ name }) => name);
  return {
    outputs,
    async score(picture) {
      requireSize(picture, input.dims);
      const results = await session.run({ [input.name]: pixels(picture) });
      const scores: Record<string, Float32Array> = {};
      for (const name of outputs) {
        const { data } = await readTensor(results[name]!);
        scores[name] = Float32Array.from(data as Float32Array);
      }
      return scores;
    },
    dispose: () => session.dispose(),
  };
}

function pixels({ width, height, rgb }: RgbImage) {
  const plane = width * height;
  const data = Float32Array.from(
    { length: 3 * plane },
    (_, i) => rgb[(i % plane) * 3 + Math.floor(i / plane)]! / 127.5 - 1,
  );
  return tensor('float32', [1, 3, height, width], data);
}

function requireSize({ width, height }: RgbImage, dims: readonly (number | string | null)[]): void {
  const fits = [dims[2], dims[3]].every(
    (dim, axis) => typeof dim !== 'number' || dim === [height, width][axis],
  );
  if (fits) return;
  throw new CacheQuantError('shape', 'the scorer takes pictures of another size', {
    where: 'scorer',
    expected: `${dims[3]}×${dims[2]}`,
    got: `${width}×${height}`,
    hint: 'Generate pictures of that size, or use another scorer',
  });
}
