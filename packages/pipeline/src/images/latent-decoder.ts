import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import type { VaeConfig } from '../model/component-configs.js';
import { convertTensor, readFloat32 } from '../model/convert-tensor.js';
import { toRgbImages } from './rgb-image.js';

/** Turns clean latents into pictures. */
export interface LatentDecoder {
  /** Pixels per latent in each direction. */
  readonly factor: number;
  /**
   * @param latents [B, C, h, w], as the sampler leaves them
   * @throws CacheQuantError `runtime`, `shape`, `aborted`
   */
  decode(latents: Tensor<'float32'>, signal?: AbortSignal): Promise<RgbImage[]>;
  dispose(): Promise<void>;
}

/** Decodes with the decoder of an autoencoder: of latents / scaling_factor + shift_factor. It owns the session. */
export function vaeDecoder(session: Session, config: VaeConfig): LatentDecoder {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined) {
    throw new CacheQuantError('unsupported', 'the graph has no input or no output', { where: 'vae_decoder' });
  }
  return {
    factor: vaeFactor(config),
    async decode(latents, signal) {
      const scaled = latents.data.map(
        (value) => Math.fround(value / config.scaling_factor) + (config.shift_factor ?? 0),
      );
      const feed = convertTensor(tensor('float32', latents.dims, scaled), input.dtype);
      const outputs = await session.run(
        { [input.name]: feed },
        { outputs: [output.name], ...(signal && { signal }) },
      );
      return toRgbImages(await readFloat32(outputs[output.name]!));
    },
    dispose: () => session.dispose(),
  };
}

/** For models whose samples are pixels. */
export function pixelDecoder(): LatentDecoder {
  return {
    factor: 1,
    decode: async (pixels) => toRgbImages(pixels),
    dispose: async () => {},
  };
}

/** Latents stay within this many standard deviations of clean ones. */
const LATENT_RANGE = 4;

/**
 * For latents without an autoencoder: their channels beside one another, in gray, from −4 to 4. Nobody's
 * picture, but one that comparisons can be made on.
 */
export function latentView(): LatentDecoder {
  return {
    factor: 1,
    async decode({ dims, data }) {
      const [batch, channels, height, width] = dims as [number, number, number, number];
      const tiled = tensor('float32', [batch, 1, height, width * channels]);
      for (let i = 0; i < data.length; i++) {
        const column = i % width;
        const row = Math.floor(i / width) % height;
        const channel = Math.floor(i / (width * height)) % channels;
        const image = Math.floor(i / (width * height * channels));
        const at = ((image * height + row) * channels + channel) * width + column;
        tiled.data[at] = data[i]! / LATENT_RANGE;
      }
      return toRgbImages(tiled);
    },
    dispose: async () => {},
  };
}

/** Pixels per latent: every block of the autoencoder but the last halves the size. */
export function vaeFactor({ block_out_channels }: VaeConfig): number {
  return 2 ** (block_out_channels.length - 1);
}
