import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Session, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import type { VaeConfig } from '../model/component-configs.js';
import type { LocateLayer } from '../model/non-finite.js';
import { type DecodeTiling, tileOf } from './decode-tiling.js';
import { graphRun } from './decoder-run.js';
import { toRgbImages } from './rgb-image.js';
import { type TileDecoder, tileDecoder } from './tile-decoder.js';
import { vaeFactor } from './vae-factor.js';

/** In color and in gray. */
const PICTURE_CHANNELS = [3, 1];

/** Turns clean latents into pictures. */
export interface LatentDecoder {
  /** Pixels per latent in each direction. */
  readonly factor: number;
  /**
   * Looks whether it makes pictures of what a denoiser gives, before anything runs.
   * @throws CacheQuantError `unsupported` for samples of another number of channels
   */
  requireChannels(channels: number): void;
  /**
   * In tiles of which size, [height, width] in latents, it decodes latents of this size; undefined: as a whole.
   */
  tileFor(height: number, width: number): readonly [number, number] | undefined;
  /**
   * Latents [B, C, H, W] to one picture each.
   * @param latents [B, C, h, w], as the sampler leaves them
   * @throws CacheQuantError `runtime`, `shape`, `non-finite`, `aborted`
   */
  decode(latents: Tensor<'float32'>, signal?: AbortSignal): Promise<RgbImage[]>;
  /** Frees the network. */
  dispose(): Promise<void>;
}

/** What a decoder does beyond decoding. */
export interface VaeDecoderOptions {
  /** Finds the layer that NaN comes from. */
  readonly locate?: LocateLayer | undefined;
  /** When it decodes in tiles; `auto` unless given. */
  readonly decodeTile?: DecodeTiling | undefined;
  /**
   * Loads the graph with norms that take their statistics from an input (see `giveNormStatistics`), for tiles; undefined
   * where it has no norms.
   */
  readonly loadTileGraph?: (() => Promise<Session | undefined>) | undefined;
}

/**
 * Decodes with the decoder of an autoencoder: of latents / scaling_factor + shift_factor. It owns the session.
 * @throws CacheQuantError `unsupported` for a graph that makes no pictures, `invalid-argument` for tiles that it cannot
 * take
 */
export function vaeDecoder(
  session: Session,
  config: VaeConfig,
  { locate, decodeTile = 'auto', loadTileGraph }: VaeDecoderOptions = {},
): LatentDecoder {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined) {
    throw new CacheQuantError('unsupported', 'the graph has no input or no output', { where: 'vae_decoder' });
  }
  requirePictures(output);
  const factor = vaeFactor(config);
  const whole = graphRun(session, locate);
  const tileFor = tileOf(input, config, decodeTile);
  let tiles: Promise<TileDecoder> | undefined;
  const openTiles = async () => {
    const own = await loadTileGraph?.();
    return tileDecoder(own ?? session, {
      factor,
      run: own ? graphRun(own, undefined) : whole,
      owns: own !== undefined,
    });
  };
  return {
    factor,
    tileFor,
    requireChannels(channels) {
      const [, wanted] = input.dims;
      if (typeof wanted !== 'number' || wanted === channels) return;
      throw new CacheQuantError('unsupported', 'the decoder takes other latents than the denoiser gives', {
        where: `vae_decoder input ${input.name}`,
        expected: `${channels} channels`,
        got: String(wanted),
        hint: 'Export denoiser and decoder from the same model',
      });
    },
    async decode(latents, signal) {
      const scaled = latents.data.map(
        (value) => Math.fround(value / config.scaling_factor) + (config.shift_factor ?? 0),
      );
      const given = tensor('float32', latents.dims, scaled);
      const tile = tileFor(latents.dims[2]!, latents.dims[3]!);
      if (tile === undefined) return toRgbImages((await whole(given, {}, signal))[output.name]!);
      tiles ??= openTiles();
      return toRgbImages(await (await tiles).decode(given, tile, signal));
    },
    async dispose() {
      await session.dispose();
      await (await tiles?.catch(() => undefined))?.dispose();
    },
  };
}

function requirePictures({ name, dims }: TensorInfo): void {
  const [, channels] = dims;
  if (typeof channels !== 'number' || PICTURE_CHANNELS.includes(channels)) return;
  throw new CacheQuantError('unsupported', 'the decoder makes no pictures', {
    where: `vae_decoder output ${name}`,
    expected: '3 channels, or 1',
    got: String(channels),
  });
}

/** For models whose samples are pixels. */
export function pixelDecoder(): LatentDecoder {
  return {
    factor: 1,
    requireChannels(channels) {
      if (PICTURE_CHANNELS.includes(channels)) return;
      throw new CacheQuantError('unsupported', 'the samples are not pictures, and there is no decoder', {
        where: 'model folder',
        expected: 'a decoder in vae_decoder/, or samples of 3 channels or 1',
        got: `${channels} channels`,
      });
    },
    tileFor: () => undefined,
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
    requireChannels() {},
    tileFor: () => undefined,
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
