import { CacheQuantError, type Runtime, type Storage } from '@cachequant/tensor';
import type { ConditioningEncoder, ConditioningFamily } from '../conditioning/conditioning-encoder.js';
import { conditioningFamily, openConditioning } from '../conditioning/open-conditioning.js';
import type { PromptOptions } from '../conditioning/prompt-options.js';
import type { Denoiser } from '../denoise/denoiser.js';
import { floatDenoiser } from '../denoise/float-denoiser.js';
import { sampleChannels } from '../denoise/further-channels.js';
import { declaredChannels, takesPackedLatents } from '../denoise/packed-latents.js';
import { type DecodeTiling, requireTiling } from '../images/decode-tiling.js';
import { type LatentDecoder, pixelDecoder, vaeDecoder } from '../images/latent-decoder.js';
import { type LatentEncoder, pixelEncoder, vaeEncoder } from '../images/latent-encoder.js';
import { isTiny } from '../model/component-configs.js';
import { layerLocator } from '../model/lazy-locator.js';
import { loadGraph } from '../model/load-graph.js';
import { type ModelFolder, openModelFolder } from '../model/model-folder.js';
import { requireReadDecoder } from '../model/unread-decoder.js';
import { withTinyDecoder } from '../model/with-tiny-decoder.js';

/** Makes the denoiser of a folder; the generator disposes it. */
export type DenoiserLoader = (folder: ModelFolder, runtime: Runtime) => Promise<Denoiser>;

/** A model's parts, loaded. */
export interface GeneratorParts {
  readonly folder: ModelFolder;
  readonly denoiser: Denoiser;
  /** What makes the pictures. */
  readonly decoder: LatentDecoder;
  /** Loads what unfinished pictures are made by, when it is first asked for: the tiny decoder where there is one. */
  previewDecoder(): Promise<LatentDecoder>;
  readonly family: ConditioningFamily;
  readonly conditioning: ConditioningEncoder;
  /**
   * Loads what makes latents of pictures, when it is first asked for.
   * @throws CacheQuantError `unsupported` for a model without it
   */
  encoder(): Promise<LatentEncoder>;
  dispose(): Promise<void>;
}

interface Disposable {
  dispose(): Promise<void>;
}

export interface PartOptions extends DecoderOptions {
  /**
   * What makes the pictures: `full`, the model's own decoder, unless given, or the `tiny` one, which is several times
   * faster and less exact.
   */
  readonly decoder?: 'full' | 'tiny' | undefined;
  /** A folder with a tiny decoder (see `withTinyDecoder`), in place of the one that the model may have. */
  readonly tinyDecoder?: Storage | undefined;
  readonly loadDenoiser?: DenoiserLoader | undefined;
  /** Path of the decoder's graph, where it is not the usual one. */
  readonly decoderGraph?: string | undefined;
  /** Called when a part was loaded after all others. */
  readonly afterLoad?: (() => Promise<void>) | undefined;
  /** Families of models beyond those that are known. */
  readonly families?: readonly ConditioningFamily[] | undefined;
  /** How prompts are read; left out: as the model's own pipeline does it. */
  readonly prompts?: PromptOptions | undefined;
}

/** Loads every part of a model folder, or none: what was loaded before a failure is freed. */
export async function loadParts(
  given: Storage,
  runtime: Runtime,
  options: PartOptions = {},
): Promise<GeneratorParts> {
  const { loadDenoiser = loadFloatDenoiser, decoderGraph, families, prompts, afterLoad } = options;
  const { decodeTile, decoder: which = 'full', tinyDecoder } = options;
  const loaded: Disposable[] = [];
  const dispose = async () => {
    await Promise.all(loaded.map((part) => part.dispose()));
  };
  const keep = <T extends Disposable | undefined>(part: T): T => {
    if (part !== undefined) loaded.push(part);
    return part;
  };
  try {
    const storage = tinyDecoder ? await withTinyDecoder(given, tinyDecoder) : given;
    const folder = await openModelFolder(storage);
    requireReadDecoder(folder);
    const full = withDecoder(folder, decoderGraph);
    const tiny = tinyOf(folder);
    if (which === 'tiny' && tiny === undefined) throw tinyDecoderMissing(folder);
    const decoder = keep(await loadDecoder(which === 'tiny' ? tiny! : full, runtime, { decodeTile }));
    const denoiser = keep(await loadDenoiser(folder, runtime));
    requireChannels(folder, denoiser, decoder);
    const model = { folder, inputs: denoiser.conditioningInputs };
    const family = conditioningFamily(model, families);
    const conditioning = keep(await openConditioning({ ...model, family, prompts }, runtime));
    let encoder: Promise<LatentEncoder> | undefined;
    let preview: Promise<LatentDecoder> | undefined;
    const later = async <T extends Disposable>(loading: Promise<T>): Promise<T> => {
      const part = keep(await loading);
      await afterLoad?.();
      return part;
    };
    return {
      folder,
      family,
      conditioning,
      decoder,
      denoiser,
      encoder() {
        encoder ??= later(loadEncoder(folder, runtime));
        return encoder;
      },
      async previewDecoder() {
        if (which === 'tiny' || folder.tinyDecoder === undefined) return decoder;
        preview ??= later(loadDecoder(tiny!, runtime, { decodeTile }));
        return preview;
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function requireChannels(
  { denoiser: { config }, vaeDecoder }: ModelFolder,
  { sampleInput }: Denoiser,
  decoder: LatentDecoder,
) {
  const known =
    declaredChannels(sampleInput) ?? (takesPackedLatents(sampleInput) ? null : config.in_channels);
  if (typeof known !== 'number') return;
  const latents = vaeDecoder?.config.latent_channels ?? config.out_channels ?? undefined;
  decoder.requireChannels(sampleChannels(known, latents, `denoiser input ${sampleInput.name}`).noisy);
}

/** The folder with its tiny decoder as the decoder; undefined where it has none. */
function tinyOf(folder: ModelFolder): ModelFolder | undefined {
  const { tinyDecoder, vaeDecoder } = folder;
  if (tinyDecoder !== undefined) return { ...folder, vaeDecoder: tinyDecoder };
  return vaeDecoder && isTiny(vaeDecoder.config) ? folder : undefined;
}

function tinyDecoderMissing({ vaeDecoder }: ModelFolder): CacheQuantError {
  if (vaeDecoder === undefined) {
    return new CacheQuantError('unsupported', 'the samples of the model are pixels, which nothing decodes', {
      where: 'decoder',
      expected: 'full',
      got: 'tiny',
    });
  }
  return new CacheQuantError('unsupported', 'the model has no tiny decoder', {
    where: 'decoder',
    expected: 'an AutoencoderTiny in taesd/ or tiny_vae/, or as vae/',
    hint: 'Name a folder or an id with --tiny-decoder, such as madebyollin/taesd for Stable Diffusion 1 and 2',
  });
}

function withDecoder(folder: ModelFolder, model: string | undefined): ModelFolder {
  if (folder.vaeDecoder === undefined || model === undefined) return folder;
  return { ...folder, vaeDecoder: { ...folder.vaeDecoder, model } };
}

/** The folder's denoiser as it is, without a cache. */
export async function loadFloatDenoiser(folder: ModelFolder, runtime: Runtime): Promise<Denoiser> {
  const session = await loadGraph(runtime, folder.storage, folder.denoiser.model);
  try {
    const locate = layerLocator(runtime, folder.storage, folder.denoiser.model);
    return floatDenoiser(session, undefined, runtime, locate);
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/** The folder's decoder; for a model without one, samples are pixels. */
export async function loadDecoder(
  { storage, vaeDecoder: decoder }: ModelFolder,
  runtime: Runtime,
  { decodeTile = 'auto' }: DecoderOptions = {},
): Promise<LatentDecoder> {
  requireTiling(decodeTile);
  if (decoder === undefined) return pixelDecoder();
  const session = await loadGraph(runtime, storage, decoder.model);
  try {
    return vaeDecoder(session, decoder.config, {
      decodeTile,
      locate: layerLocator(runtime, storage, decoder.model),
      loadTileGraph: async () => {
        // Most pictures are decoded as a whole, and pages need not fetch the tools of graphs for them.
        const { loadTileGraph } = await import('../model/tile-graph.js');
        return loadTileGraph(runtime, storage, decoder.model);
      },
    });
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/** How pictures are made of latents. */
export interface DecoderOptions {
  /**
   * Decodes pictures of more latents in a direction than this in tiles of so many, which takes less memory; `auto`: in
   * tiles of 64 where the whole would take more than 4 GiB; `never`: as a whole. `auto` when left out.
   */
  readonly decodeTile?: DecodeTiling | undefined;
}

/**
 * The folder's encoder; for a model whose samples are pixels, those.
 * @throws CacheQuantError `unsupported` for a model that has a decoder alone
 */
export async function loadEncoder(
  { storage, vaeDecoder: decoder, vaeEncoder: encoder }: ModelFolder,
  runtime: Runtime,
): Promise<LatentEncoder> {
  if (encoder === undefined && decoder === undefined) return pixelEncoder();
  if (encoder === undefined) throw encoderMissing();
  const locate = layerLocator(runtime, storage, encoder.model);
  return vaeEncoder(await loadGraph(runtime, storage, encoder.model), encoder.config, locate);
}

function encoderMissing(): CacheQuantError {
  return new CacheQuantError('unsupported', 'the model has nothing that makes latents of pictures', {
    where: 'vae_encoder/',
    expected: 'vae_encoder/model.onnx, or a vae/ with its encoder',
    hint: 'Export the model with its VAE encoder; a bundle has what its source had',
  });
}
