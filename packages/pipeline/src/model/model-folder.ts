import { parseSchedulerConfig } from '@cachequant/samplers';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import type { z } from 'zod';
import { vaeFactor } from '../images/vae-factor.js';
import { isBuiltGraph, keepBuiltGraphs } from './built-graphs.js';
import { checkpointFolder } from './checkpoint-folder.js';
import {
  type ClassEmbedderConfig,
  type ControlNetConfig,
  classEmbedderConfigSchema,
  controlNetConfigSchema,
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
import { CONTROL_EMBEDDING_FOLDER, CONTROL_FOLDER } from './control/control-folders.js';
import { findGraph } from './find-graph.js';
import { type InputOrigins, readInputOrigins } from './input-origins.js';
import { findPipelineConstants, pipelineConstants } from './pipeline-class.js';
import { type PipelineScheduler, pipelineScheduler } from './pipeline-scheduler.js';
import { readJson, readOptionalJson } from './read-json.js';
import { unreadDecoder } from './unread-decoder.js';
import { withUsualFolders } from './usual-folders.js';

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
  /** A small decoder of the same latents, for previews; undefined where there is none beside the model's own. */
  readonly tinyDecoder: ModelComponent<VaeConfig> | undefined;
  /** Makes latents of pictures; undefined where there is none, or where samples are pixels. */
  readonly vaeEncoder: ModelComponent<VaeConfig> | undefined;
  /** A part that turns samples into pictures and that nothing here runs; undefined where there is none. */
  readonly unreadDecoder: string | undefined;
  /** Undefined where there is no text to condition on. */
  readonly textEncoder: ModelComponent<TextEncoderConfig> | undefined;
  /** Of a lone graph whose inputs were named; undefined elsewhere. */
  readonly inputOrigins: InputOrigins | undefined;
  /** Undefined where no table of classes conditions the denoiser. */
  readonly classEmbedder: ModelComponent<ClassEmbedderConfig> | undefined;
  /** The first layers of a ControlNet, which see the control image alone; undefined for a model without one. */
  readonly controlNet: ModelComponent<ControlNetConfig> | undefined;
  /** The folder of the tokenizer's files. */
  readonly tokenizer: string | undefined;
  /** As the pipeline uses it (see `pipelineScheduler`). */
  readonly scheduler: SchedulerConfig | undefined;
  /** What the user should know of how the folder is read. */
  readonly warnings: readonly string[];
}

/** Where a denoiser may lie: as optimum writes it, and alone. */
const DENOISER_FOLDERS = ['unet', 'transformer'];
const BUNDLED_DENOISER = 'denoiser/full.onnx';
const LONE_DENOISER = 'model.onnx';
const TINY_DECODER = 'tiny_decoder';

/**
 * Reads the layout that optimum writes for Stable Diffusion, that of diffusers' old conversion script (which has no
 * `config.json` beside the graphs), a folder with one denoiser, or the safetensors that diffusers saves, for which
 * graphs are built (see `checkpointFolder`).
 * @throws CacheQuantError `invalid-argument` when the folder holds no model or a file has the wrong form,
 * `storage` when a file is missing that others refer to
 */
export async function openModelFolder(given: Storage): Promise<ModelFolder> {
  const storage = await withUsualFolders((await checkpointFolder(given)) ?? given);
  const index = await openIndex(storage);
  const denoiser = await findDenoiser(storage, index);
  const scheduler = await openScheduler(storage);
  const vaeDecoder = await openDecoder(storage, index);
  const folder = {
    storage,
    index,
    denoiser: { model: denoiser, config: await denoiserConfig(storage, denoiser, index) },
    vaeDecoder,
    tinyDecoder: vaeDecoder && (await openTinyDecoder(storage, vaeDecoder)),
    vaeEncoder: vaeDecoder && (await openEncoder(storage, vaeDecoder)),
    unreadDecoder: vaeDecoder ? undefined : await unreadDecoder(storage, index),
    textEncoder: await openTextEncoder(storage),
    inputOrigins: await readInputOrigins(storage),
    classEmbedder: await openClassEmbedder(storage),
    tokenizer: (await storage.list('tokenizer')).length > 0 ? 'tokenizer' : undefined,
    scheduler: scheduler?.config,
    warnings: scheduler?.warnings ?? [],
  };
  checkParts(folder);
  return withControl({ ...folder, storage: await withFloat32(folder) });
}

/** Of a folder with a ControlNet, the denoiser has it inside; bundles have been made of such. */
async function withControl(folder: Omit<ModelFolder, 'controlNet'>): Promise<ModelFolder> {
  const { denoiser } = folder;
  const control = await findPart(folder.storage, CONTROL_FOLDER);
  if (control === undefined || denoiser.model === BUNDLED_DENOISER) {
    return { ...folder, controlNet: await openControlNet(folder.storage) };
  }
  await refuseSeveral(folder.storage);
  const config = await readConfig(folder.storage, control, controlNetConfigSchema);
  if (config?.global_pool_conditions) {
    throw new CacheQuantError('unsupported', 'the ControlNet pools what it gives over the picture', {
      where: `${folderOf(control)}config.json, global_pool_conditions`,
      expected: 'false',
      got: 'true',
    });
  }
  // Of folders that have one alone, so that pages of others need not fetch it.
  const { joinedStorage } = await import('./control/joined-storage.js');
  const storage = await joinedStorage(folder.storage, denoiser.model, control);
  return { ...folder, storage, controlNet: await openControlNet(storage) };
}

async function openControlNet(storage: Storage): Promise<ModelComponent<ControlNetConfig> | undefined> {
  const model = await findPart(storage, CONTROL_EMBEDDING_FOLDER);
  if (model === undefined) return undefined;
  return { model, config: (await readConfig(storage, model, controlNetConfigSchema)) ?? {} };
}

async function refuseSeveral(storage: Storage): Promise<void> {
  const second = `${CONTROL_FOLDER}_1`;
  if ((await storage.list(second)).length === 0) return;
  throw new CacheQuantError('unsupported', 'the model follows several ControlNets', {
    where: `${second}/`,
    expected: `one, in ${CONTROL_FOLDER}/`,
    hint: 'Save the pipeline with one of them',
  });
}

/** Bundles have graphs in 16 bits on purpose; graphs that were built of a checkpoint have none. */
async function withFloat32({
  storage,
  denoiser,
  vaeDecoder,
  tinyDecoder,
  textEncoder,
}: Omit<ModelFolder, 'controlNet'>): Promise<Storage> {
  if (denoiser.model === BUNDLED_DENOISER) return storage;
  const further = ['text_encoder_2/model.onnx', 'text_encoder_3/model.onnx'];
  const paths: string[] = [];
  const decoders = [vaeDecoder?.model, tinyDecoder?.model];
  const control = await findPart(storage, CONTROL_FOLDER);
  for (const path of [denoiser.model, ...decoders, textEncoder?.model, ...further, control]) {
    if (path === undefined || isBuiltGraph(storage, path)) continue;
    if ((await storage.stat(path)) !== undefined) paths.push(path);
  }
  if (paths.length === 0) return storage;
  // Pages that open bundles or checkpoints need not fetch it.
  const { float32Graphs } = await import('./float32-graphs.js');
  return keepBuiltGraphs(storage, await float32Graphs(storage, paths));
}

function openIndex(storage: Storage): Promise<ModelIndex | undefined> {
  return readOptionalJson(storage, 'model_index.json', modelIndexSchema);
}

async function findDenoiser(storage: Storage, index: ModelIndex | undefined): Promise<string> {
  for (const folder of DENOISER_FOLDERS) {
    const place = await findGraph(storage, folder);
    if (place !== undefined) return place;
  }
  if ((await storage.stat(BUNDLED_DENOISER)) !== undefined) return BUNDLED_DENOISER;
  if ((await storage.stat(LONE_DENOISER)) !== undefined) return LONE_DENOISER;
  const alone = index === undefined ? await findGraph(storage, '') : undefined;
  if (alone !== undefined) return alone;
  if (index !== undefined) {
    throw new CacheQuantError('storage', 'the denoiser is missing', {
      where: placeOf(storage),
      expected: DENOISER_FOLDERS.map((folder) => `${folder}/model.onnx`).join(' or '),
      hint: 'Of PyTorch weights, .safetensors files with their config.json are read; pickles (.bin, .ckpt) are not',
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

/** What its `config.json` says, and the graph where that is missing or does not say which sizes it takes. */
async function denoiserConfig(
  storage: Storage,
  model: string,
  index: ModelIndex | undefined,
): Promise<DenoiserConfig> {
  const config = await readConfig(storage, model, denoiserConfigSchema);
  if (config?.patch_size || config?.down_block_types || model === BUNDLED_DENOISER) return config ?? {};
  // Of graphs without a configuration alone, so that pages of others need not fetch it.
  const { denoiserFacts } = await import('./graph-facts.js');
  const { inChannels, sizeMultiple } = await denoiserFacts(storage, model);
  const untold = config === undefined && index !== undefined;
  return {
    ...(inChannels !== undefined && { in_channels: inChannels }),
    ...(untold && { sample_size: knownSampleSize(index) }),
    size_multiple: sizeMultiple,
    ...config,
  };
}

function knownSampleSize({ _class_name }: ModelIndex): number | undefined {
  return findPipelineConstants(_class_name)?.sampleSize;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** The `config.json` of a part: beside its graph, or in the part's folder where the graph lies in onnx/. */
async function readConfig<S extends z.ZodType>(
  storage: Storage,
  model: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  const folder = folderOf(model);
  const beside = await readOptionalJson(storage, `${folder}config.json`, schema);
  return beside ?? readOptionalJson(storage, `${folder.replace(/onnx\/$/, '')}config.json`, schema);
}

async function openDecoder(
  storage: Storage,
  index: ModelIndex | undefined,
): Promise<ModelComponent<VaeConfig> | undefined> {
  const model = await findPart(storage, 'vae_decoder');
  if (model === undefined) return undefined;
  const config = await readConfig(storage, model, vaeConfigSchema);
  if (config !== undefined) return { model, config };
  const { scalingFactor } = pipelineConstants(index?._class_name, 'vae_decoder/config.json');
  const told = vaeConfigSchema.parse({ scaling_factor: scalingFactor });
  const { pixelsPerLatent } = await import('./graph-facts.js');
  const pixels = await pixelsPerLatent(storage, model, told.latent_channels);
  return { model, config: { ...told, pixels_per_latent: pixels } };
}

/**
 * The decoder in `tiny_decoder/`, as `withUsualFolders` and checkpoints show `taesd/` and `tiny_vae/`.
 * @throws CacheQuantError `unsupported` for one of other latents than the model's
 */
async function openTinyDecoder(
  storage: Storage,
  { config: own }: ModelComponent<VaeConfig>,
): Promise<ModelComponent<VaeConfig> | undefined> {
  const model = await findPart(storage, TINY_DECODER);
  if (model === undefined) return undefined;
  const config = await readConfig(storage, model, vaeConfigSchema);
  if (config === undefined) {
    throw new CacheQuantError('storage', 'the file is missing', {
      where: `${TINY_DECODER}/config.json`,
      expected: 'the configuration of an AutoencoderTiny, as diffusers saves it',
    });
  }
  requireSameLatents(config, own);
  return { model, config };
}

function requireSameLatents(tiny: VaeConfig, own: VaeConfig): void {
  const describe = (config: VaeConfig) =>
    `${config.latent_channels} channels, ${vaeFactor(config)} pixels per latent`;
  if (describe(tiny) === describe(own)) return;
  throw new CacheQuantError('unsupported', 'the tiny decoder is made for another model', {
    where: `${TINY_DECODER}/`,
    expected: describe(own),
    got: describe(tiny),
    hint: 'Each kind of latents has its own: TAESD is for Stable Diffusion 1 and 2, TAESDXL for SDXL, TAESD3 for SD3',
  });
}

/** The two halves of an autoencoder have one configuration; where the encoder has none beside it, the decoder's. */
async function openEncoder(
  storage: Storage,
  decoder: ModelComponent<VaeConfig>,
): Promise<ModelComponent<VaeConfig> | undefined> {
  const model = await findPart(storage, 'vae_encoder');
  if (model === undefined) return undefined;
  return { model, config: (await readConfig(storage, model, vaeConfigSchema)) ?? decoder.config };
}

async function openTextEncoder(storage: Storage): Promise<ModelComponent<TextEncoderConfig> | undefined> {
  const model = await findPart(storage, 'text_encoder');
  if (model === undefined) return undefined;
  // The tokenizer says how long a prompt may be, and the graph all the rest.
  return { model, config: (await readConfig(storage, model, textEncoderConfigSchema)) ?? {} };
}

async function openClassEmbedder(storage: Storage): Promise<ModelComponent<ClassEmbedderConfig> | undefined> {
  const model = await findPart(storage, 'class_embedder');
  if (model === undefined) return undefined;
  const config = await readConfig(storage, model, classEmbedderConfigSchema);
  if (config !== undefined) return { model, config };
  throw new CacheQuantError('storage', 'the file is missing', {
    where: 'class_embedder/config.json',
    hint: "It says in 'n_classes' how many entries the table has; the last one stands for no class",
  });
}

/** The graph of a part; undefined where its folder is empty. */
async function findPart(storage: Storage, folder: string): Promise<string | undefined> {
  const model = await findGraph(storage, folder);
  if (model !== undefined || (await storage.list(folder)).length === 0) return model;
  throw new CacheQuantError('storage', 'the file is missing', { where: `${folder}/model.onnx` });
}

/** What the folder says of its sampler; undefined where it says nothing. */
export async function openScheduler(storage: Storage): Promise<PipelineScheduler | undefined> {
  const index = await openIndex(storage);
  const path = 'scheduler/scheduler_config.json';
  if ((await storage.stat(path)) === undefined) return undefined;
  const config = await readJson(storage, path, schedulerConfigSchema, parseSchedulerConfig);
  return pipelineScheduler(config, index?._class_name);
}

function checkParts({
  index,
  textEncoder,
  tokenizer,
  scheduler,
}: Pick<ModelFolder, 'index' | 'textEncoder' | 'tokenizer' | 'scheduler'>): void {
  if (textEncoder !== undefined && tokenizer === undefined) {
    throw new CacheQuantError('storage', 'the text encoder has no tokenizer', {
      where: 'tokenizer/',
      expected: 'tokenizer.json, vocab.json and merges.txt, or vocab.txt',
    });
  }
  if (index !== undefined && scheduler === undefined) {
    throw new CacheQuantError('storage', 'the file is missing', { where: 'scheduler/scheduler_config.json' });
  }
}
