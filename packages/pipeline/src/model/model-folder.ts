import { parseSchedulerConfig } from '@cachequant/samplers';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import type { z } from 'zod';
import {
  type DenoiserConfig,
  denoiserConfigSchema,
  type ModelIndex,
  modelIndexSchema,
  type SchedulerConfig,
  schedulerConfigSchema,
  type TextEncoderConfig,
  textEncoderConfigSchema,
  type VaeConfig,
  vaeConfigSchema,
} from './component-configs.js';
import { type PipelineScheduler, pipelineScheduler } from './pipeline-scheduler.js';
import { readJson, readOptionalJson } from './read-json.js';
import { unreadDecoder } from './unread-decoder.js';

/** An ONNX file and what its `config.json` says. */
export interface ModelComponent<Config> {
  /** Path of the ONNX file in the storage. */
  readonly model: string;
  readonly config: Config;
}

/** What a model folder holds. Graphs are not opened yet, only their configuration is read. */
export interface ModelFolder {
  readonly storage: Storage;
  /** Undefined for a folder with a single denoiser. */
  readonly index: ModelIndex | undefined;
  readonly denoiser: ModelComponent<DenoiserConfig>;
  /** Undefined where samples are pixels. */
  readonly vaeDecoder: ModelComponent<VaeConfig> | undefined;
  /** A part that turns samples into pictures and that nothing here runs; undefined where there is none. */
  readonly unreadDecoder: string | undefined;
  /** Undefined where there is no text to condition on. */
  readonly textEncoder: ModelComponent<TextEncoderConfig> | undefined;
  /** The folder of the tokenizer's files. */
  readonly tokenizer: string | undefined;
  /** As the pipeline uses it (see `pipelineScheduler`). */
  readonly scheduler: SchedulerConfig | undefined;
  /** What the user should know of how the folder is read. */
  readonly warnings: readonly string[];
}

/** Where a denoiser may lie: as optimum writes it, in a bundle, and alone. */
const DENOISER_PLACES = ['unet/model.onnx', 'transformer/model.onnx', 'denoiser/full.onnx', 'model.onnx'];

/**
 * Reads the layout that optimum writes for Stable Diffusion, or a folder with one denoiser.
 * @throws CacheQuantError `invalid-argument` when the folder holds no model or a file has the wrong form,
 * `storage` when a file is missing that others refer to
 */
export async function openModelFolder(storage: Storage): Promise<ModelFolder> {
  const index = await openIndex(storage);
  const denoiser = await findDenoiser(storage, index);
  const scheduler = await openScheduler(storage);
  const vaeDecoder = await openComponent(storage, 'vae_decoder', vaeConfigSchema);
  const folder = {
    storage,
    index,
    denoiser: { model: denoiser, config: await denoiserConfig(storage, denoiser) },
    vaeDecoder,
    unreadDecoder: vaeDecoder ? undefined : await unreadDecoder(storage, index),
    textEncoder: await openComponent(storage, 'text_encoder', textEncoderConfigSchema),
    tokenizer: (await storage.list('tokenizer')).length > 0 ? 'tokenizer' : undefined,
    scheduler: scheduler?.config,
    warnings: scheduler?.warnings ?? [],
  };
  checkParts(folder);
  return folder;
}

function openIndex(storage: Storage): Promise<ModelIndex | undefined> {
  return readOptionalJson(storage, 'model_index.json', modelIndexSchema);
}

async function findDenoiser(storage: Storage, index: ModelIndex | undefined): Promise<string> {
  for (const place of DENOISER_PLACES) {
    if ((await storage.stat(place)) !== undefined) return place;
  }
  if (index !== undefined) {
    throw new CacheQuantError('storage', 'the denoiser is missing', {
      where: placeOf(storage),
      expected: DENOISER_PLACES.slice(0, 2).join(' or '),
      hint: 'A folder of PyTorch weights has to be exported first: optimum-cli export onnx --model <folder> <out>',
    });
  }
  throw new CacheQuantError('invalid-argument', 'the folder holds no diffusion model', {
    where: placeOf(storage),
    expected: 'model_index.json with unet/ or transformer/, or a single model.onnx',
    hint: 'Give the folder that `optimum-cli export onnx` wrote',
  });
}

/** Where the storage is, for messages. */
function placeOf(storage: Storage): string {
  return storage.locate?.('model_index.json')?.replace(/.model_index\.json$/, '') ?? 'model folder';
}

async function denoiserConfig(storage: Storage, model: string): Promise<DenoiserConfig> {
  const path = `${folderOf(model)}config.json`;
  return (await readOptionalJson(storage, path, denoiserConfigSchema)) ?? {};
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

async function openComponent<S extends z.ZodType>(
  storage: Storage,
  folder: string,
  schema: S,
): Promise<ModelComponent<z.output<S>> | undefined> {
  if ((await storage.list(folder)).length === 0) return undefined;
  const model = `${folder}/model.onnx`;
  if ((await storage.stat(model)) === undefined) {
    throw new CacheQuantError('storage', 'the file is missing', { where: model });
  }
  return { model, config: await readJson(storage, `${folder}/config.json`, schema) };
}

/** What the folder says of its sampler; undefined where it says nothing. */
export async function openScheduler(storage: Storage): Promise<PipelineScheduler | undefined> {
  const index = await openIndex(storage);
  const path = 'scheduler/scheduler_config.json';
  if ((await storage.stat(path)) === undefined) return undefined;
  const config = await readJson(storage, path, schedulerConfigSchema, parseSchedulerConfig);
  return pipelineScheduler(config, index?._class_name);
}

function checkParts({ index, textEncoder, tokenizer, scheduler }: ModelFolder): void {
  if (textEncoder !== undefined && tokenizer === undefined) {
    throw new CacheQuantError('storage', 'the text encoder has no tokenizer', {
      where: 'tokenizer/',
      expected: 'tokenizer.json, or vocab.json and merges.txt',
    });
  }
  if (index !== undefined && scheduler === undefined) {
    throw new CacheQuantError('storage', 'the file is missing', { where: 'scheduler/scheduler_config.json' });
  }
}
