import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import type { NoiseSource } from '../denoise/initial-noise.js';
import type { VaeConfig } from '../model/component-configs.js';
import { convertTensor, readFloat32 } from '../model/convert-tensor.js';
import { type LocateLayer, requireFinite } from '../model/non-finite.js';

/** Latents of a picture, of which the encoder may only know the distribution. */
export interface EncodedPicture {
  /** [1, C, h, w], as samplers work on it; draws as many numbers as there are, where they are random. */
  sample(source: NoiseSource): Tensor<'float32'>;
}

/** Turns pictures into clean latents. */
export interface LatentEncoder {
  /**
   * @param pixels [1, 3, H, W] in [−1, 1]
   * @throws CacheQuantError `runtime`, `shape`, `non-finite`, `aborted`
   */
  encode(pixels: Tensor<'float32'>, signal?: AbortSignal): Promise<EncodedPicture>;
  /** Frees the network. */
  dispose(): Promise<void>;
}

/**
 * Encodes with the encoder of an autoencoder: (z − shift_factor) · scaling_factor. Where it gives mean and logarithm of
 * the variance, z is drawn; where it gives latents, z is those. It owns the session.
 *
 * Source: Kingma and Welling, Auto-Encoding Variational Bayes, section 2.4, https://arxiv.org/abs/1312.6114, with
 * diffusers' limits of the logarithm, −30 and 20.
 */
export function vaeEncoder(session: Session, config: VaeConfig, locate?: LocateLayer): LatentEncoder {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined) {
    throw new CacheQuantError('unsupported', 'the graph has no input or no output', { where: 'vae_encoder' });
  }
  const toSampler = (value: number) =>
    Math.fround(Math.fround(value - (config.shift_factor ?? 0)) * config.scaling_factor);
  return {
    async encode(pixels, signal) {
      const feeds = { [input.name]: convertTensor(pixels, input.dtype) };
      const outputs = await session.run(feeds, { outputs: [output.name], ...(signal && { signal }) });
      const encoded = await readFloat32(outputs[output.name]!);
      await requireFinite(encoded, 'vae_encoder', async () => locate?.(feeds, signal && { signal }));
      const isDistribution = isDoubled(encoded, config.latent_channels, output.name);
      return {
        sample(source) {
          const latents = isDistribution ? drawn(encoded, source) : encoded;
          return tensor('float32', latents.dims, latents.data.map(toSampler));
        },
      };
    },
    dispose: () => session.dispose(),
  };
}

/** Whether there are as many channels for the variance behind those of the mean. */
function isDoubled({ dims }: Tensor, channels: number, name: string): boolean {
  if (dims.length === 4 && dims[1] === 2 * channels) return true;
  if (dims.length === 4 && dims[1] === channels) return false;
  throw new CacheQuantError('shape', 'the encoder gives no latents', {
    where: `vae_encoder output ${name}`,
    expected: `[1, ${2 * channels}, h, w], or [1, ${channels}, h, w]`,
    got: `[${dims}]`,
  });
}

const LOG_VARIANCE = { least: -30, most: 20 };

function drawn({ dims, data }: Tensor<'float32'>, source: NoiseSource): Tensor<'float32'> {
  const size = data.length / 2;
  const noise = source.randn(size);
  const latents = tensor('float32', [dims[0]!, dims[1]! / 2, ...dims.slice(2)]);
  for (let i = 0; i < size; i++) {
    const logarithm = Math.min(Math.max(data[size + i]!, LOG_VARIANCE.least), LOG_VARIANCE.most);
    latents.data[i] = data[i]! + Math.fround(Math.exp(0.5 * logarithm)) * noise[i]!;
  }
  return latents;
}

/** For models whose samples are pixels. */
export function pixelEncoder(): LatentEncoder {
  return {
    encode: async (pixels) => ({ sample: () => pixels }),
    dispose: async () => {},
  };
}

/** A picture as networks take it: [1, 3, H, W] in [−1, 1], as diffusers rounds it. */
export function toPixels({ width, height, rgb }: RgbImage): Tensor<'float32'> {
  const plane = width * height;
  const pixels = tensor('float32', [1, 3, height, width]);
  for (let i = 0; i < rgb.length; i++) {
    const unit = Math.fround(rgb[i]! / 255);
    pixels.data[(i % 3) * plane + Math.floor(i / 3)] = Math.fround(2 * unit) - 1;
  }
  return pixels;
}
