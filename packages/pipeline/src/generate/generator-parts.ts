import { CacheQuantError, type Runtime, type Storage } from '@cachequant/tensor';
import type { ConditioningEncoder, ConditioningFamily } from '../conditioning/conditioning-encoder.js';
import { conditioningFamily, openConditioning } from '../conditioning/open-conditioning.js';
import type { PromptOptions } from '../conditioning/prompt-options.js';
import type { Denoiser } from '../denoise/denoiser.js';
import { floatDenoiser } from '../denoise/float-denoiser.js';
import { sampleChannels } from '../denoise/further-channels.js';
import { declaredChannels, takesPackedLatents } from '../denoise/packed-latents.js';
import { type LatentDecoder, pixelDecoder, vaeDecoder } from '../images/latent-decoder.js';
import { type LatentEncoder, pixelEncoder, vaeEncoder } from '../images/latent-encoder.js';
import { layerLocator } from '../model/lazy-locator.js';
import { loadGraph } from '../model/load-graph.js';
import { type ModelFolder, openModelFolder } from '../model/model-folder.js';
import { requireReadDecoder } from '../model/unread-decoder.js';

/** Makes the denoiser of a folder; the generator disposes it. */
export type DenoiserLoader = (folder: ModelFolder, runtime: Runtime) => Promise<Denoiser>;

/** A model's parts, loaded. */
export interface GeneratorParts {
  readonly folder: ModelFolder;
  readonly denoiser: Denoiser;
  readonly decoder: LatentDecoder;
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

export interface PartOptions {
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
  storage: Storage,
  runtime: Runtime,
  { loadDenoiser = loadFloatDenoiser, decoderGraph, families, prompts, afterLoad }: PartOptions = {},
): Promise<GeneratorParts> {
  const loaded: Disposable[] = [];
  const dispose = async () => {
    await Promise.all(loaded.map((part) => part.dispose()));
  };
  const keep = <T extends Disposable | undefined>(part: T): T => {
    if (part !== undefined) loaded.push(part);
    return part;
  };
  try {
    const folder = await openModelFolder(storage);
    requireReadDecoder(folder);
    const decoder = keep(await loadDecoder(withDecoder(folder, decoderGraph), runtime));
    const denoiser = keep(await loadDenoiser(folder, runtime));
    requireChannels(folder, denoiser, decoder);
    const model = { folder, inputs: denoiser.conditioningInputs };
    const family = conditioningFamily(model, families);
    const conditioning = keep(await openConditioning({ ...model, family, prompts }, runtime));
    let encoder: Promise<LatentEncoder> | undefined;
    return {
      folder,
      family,
      conditioning,
      decoder,
      denoiser,
      encoder() {
        encoder ??= loadEncoder(folder, runtime).then(async (loaded) => {
          keep(loaded);
          await afterLoad?.();
          return loaded;
        });
        return encoder;
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
): Promise<LatentDecoder> {
  if (decoder === undefined) return pixelDecoder();
  const locate = layerLocator(runtime, storage, decoder.model);
  return vaeDecoder(await loadGraph(runtime, storage, decoder.model), decoder.config, locate);
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
