import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { PredictionType } from '@cachequant/checkpoint';
import { checkpointFolder, isBundle, type VirtualFile, withControlNet } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Storage, type Tensor } from '@cachequant/tensor';
import { openAdapters } from './adapters.js';
import { openControlNet } from './control-net.js';
import {
  embeddingTokenizers,
  openEmbeddings,
  textEncodersOf,
  withEmbeddings,
  withVocabulary,
} from './embeddings.js';
import { type GivenParts, PART_OPTIONS } from './given-parts.js';
import { fetchModel, isModelId } from './hub-model.js';
import type { ModelOrigin } from './model-origin.js';
import { openCheckpointFile } from './single-file.js';
import type { SourceContext } from './source-context.js';
import type { NamedEmbedding, NamedLora } from './source-options.js';

/** How a model is opened; everything but `cwd` may be left out. */
export interface ModelSourceRequest extends SourceContext {
  /** Merged into the weights when these are read. */
  readonly loras?: readonly NamedLora[];
  /** Words to add to the text encoders and their tokenizers. */
  readonly embeddings?: readonly NamedEmbedding[];
  /** Folder or id of a ControlNet that goes beside the model. */
  readonly controlnet?: string | undefined;
  /** Of a single file: a folder with its configurations, in place of the usual ones of its kind. */
  readonly config?: string | undefined;
  /** Of a single file: parts that it lacks, or in place of those in it; each a file, a folder, or an id on the Hub. */
  readonly parts?: GivenParts;
  /** Of a single file: whether to open it without parts and a tokenizer that it lacks, to be looked at; false by default. */
  readonly incomplete?: boolean;
  /** Of a single file: the folder of its tokenizer, or of a model that has it. */
  readonly tokenizer?: string | undefined;
  /** Of a single file: what its network predicts, in place of what the file is taken to say. */
  readonly prediction?: PredictionType | undefined;
}

/** A model that can be run, inspected and optimized, wherever it came from. */
export interface OpenedModelSource {
  /** As it was given. */
  readonly given: string;
  /** In the layout of exported pipelines, for `createGenerator`, `optimize`, `openModelFolder`. */
  readonly storage: Storage;
  /** Where it lies: a folder, or a file of weights. */
  readonly place: string;
  /** The name of a single ONNX graph in the storage; undefined for whole models. */
  readonly graph: string | undefined;
  /** What inputs of a bundle take in place of what its manifest says. */
  readonly inputs?: Readonly<Record<string, Tensor | number>> | undefined;
  readonly origin: ModelOrigin;
  /** Given with a bundle, which stays as it is; the storage of other models shows it. */
  readonly tinyDecoder?: Storage | undefined;
}

/**
 * Opens a model: a folder (ONNX as exporters write it, safetensors as diffusers saves it, a bundle), one .safetensors or
 * .gguf file, one ONNX graph, or a model of the Hugging Face Hub by its id, which is fetched into the cache that Python
 * shares. A path that exists is a path; what looks like `owner/name` and does not is an id.
 *
 * Graphs are built and LoRAs merged when they are read; nothing is written but the cache.
 *
 * @throws CacheQuantError `storage` where there is nothing, `hub` for what the Hub is to blame for, `unsupported`,
 * `invalid-argument` and `checkpoint-format` for what cannot be read
 */
export async function openModelSource(
  given: string,
  request: ModelSourceRequest,
): Promise<OpenedModelSource> {
  const opened = await openAlone(given, request);
  const { controlnet } = request;
  if (controlnet === undefined) return opened;
  await refuseControlNet(opened);
  const control = await openControlNet(controlnet, request);
  return { ...opened, storage: await withControlNet(opened.storage, control) };
}

/** Its layers become part of the denoiser, before that is rounded. */
async function refuseControlNet({ storage, graph, given }: OpenedModelSource): Promise<void> {
  if (await isBundle(storage)) {
    throw new CacheQuantError('invalid-argument', 'a ControlNet cannot be added to a bundle', {
      where: given,
      hint: 'Optimize the model with --controlnet: the bundle then has it',
    });
  }
  if (graph === undefined) return;
  throw new CacheQuantError('unsupported', 'a ControlNet goes beside a whole model, not beside a graph', {
    where: given,
  });
}

async function openAlone(given: string, request: ModelSourceRequest): Promise<OpenedModelSource> {
  const path = resolve(request.cwd, given);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory())
    return openFolder({ given, place: path, origin: { name: basename(path) } }, request);
  if (found?.isFile()) return openFile({ given, place: path, origin: { name: basename(path) } }, request);
  if (isModelId(given)) return openFromHub(given, path, request);
  throw new CacheQuantError('storage', 'there is no such file or folder', {
    where: given,
    ...(path !== given && { got: path }),
    hint: 'Check the path. Models of the Hugging Face Hub are called owner/name',
  });
}

type Place = Pick<OpenedModelSource, 'given' | 'place' | 'origin'>;

async function openFromHub(
  id: string,
  path: string,
  request: ModelSourceRequest,
): Promise<OpenedModelSource> {
  const { folder, commit, license, files } = await fetchModel(id, path, request);
  const origin: ModelOrigin = { name: id, id, revision: commit, ...(license !== undefined && { license }) };
  const weights = files.filter((name) => /\.(safetensors|gguf)$/.test(name));
  const isSingle =
    !files.includes('model_index.json') && !files.includes('config.json') && weights.length === 1;
  const place = isSingle ? join(folder, weights[0]!) : folder;
  const opened = { given: id, place, origin };
  return isSingle ? openFile(opened, request) : openFolder(opened, request);
}

async function openFolder(opened: Place, request: ModelSourceRequest): Promise<OpenedModelSource> {
  const { given, place } = opened;
  refuseOptionsOfFiles(given, request);
  const storage = nodeStorage(place);
  const license = opened.origin.license ?? (await licenseOfFolder(place));
  const origin = { ...opened.origin, ...(license !== undefined && { license }) };
  const whole = { ...opened, origin, storage, graph: undefined };
  const { loras = [], embeddings = [] } = request;
  if (loras.length + embeddings.length === 0) return whole;
  const what = loras.length > 0 ? 'a LoRA' : 'an embedding';
  if (await isBundle(storage)) {
    throw new CacheQuantError(
      'invalid-argument',
      `${what} cannot be added to a bundle, whose weights are rounded`,
      {
        where: given,
        hint: `Optimize the model with ${loras.length > 0 ? '--lora' : '--embedding'}: the bundle then has it`,
      },
    );
  }
  const changed = await changedFolder(storage, request);
  if (changed !== undefined) return { ...whole, ...changed, origin: { ...origin, ...changed.origin } };
  throw new CacheQuantError('unsupported', `${what} is merged into safetensors, and this folder holds none`, {
    where: given,
    hint: 'Give the safetensors that the ONNX graphs were exported from',
  });
}

/** A folder of safetensors with LoRAs and embeddings; undefined for one without safetensors. */
async function changedFolder(
  storage: Storage,
  request: ModelSourceRequest,
): Promise<{ readonly storage: Storage; readonly origin: Pick<ModelOrigin, 'adapters'> } | undefined> {
  const adapters = await openAdapters(request.loras ?? [], request);
  const embeddings = await openEmbeddings(request.embeddings ?? [], request);
  const parts = new Set((await storage.list()).map((file) => file.slice(0, file.indexOf('/'))));
  const described = (names: readonly string[], description: string): [string, VirtualFile][] =>
    names.filter((part) => parts.has(part)).map((part) => [`${part}/adapters.json`, textFile(description)]);
  const files = new Map<string, VirtualFile>([
    ...(request.loras?.length ? described(['unet', 'transformer'], adapters.description) : []),
    ...(request.embeddings?.length
      ? described(['text_encoder', 'text_encoder_2'], embeddings.description)
      : []),
    ...(await embeddingTokenizers(storage, await textEncodersOf(storage), embeddings)),
  ]);
  const merged = await checkpointFolder(storage, {
    adapt: (weights) => withEmbeddings(adapters.adapt(weights), embeddings),
    configure: (part, config) => withVocabulary(part, config, embeddings),
    files,
    ...(request.controlnet !== undefined && { controlled: true }),
  });
  return merged && { storage: merged, origin: { adapters: [...adapters.origin, ...embeddings.origin] } };
}

function textFile(content: string): VirtualFile {
  return { make: async () => new TextEncoder().encode(content) };
}

async function openFile(opened: Place, request: ModelSourceRequest): Promise<OpenedModelSource> {
  const { given, place, origin } = opened;
  if (!/\.(safetensors|gguf)$/i.test(place)) {
    refuseOptionsOfFiles(given, request);
    requireGraphName(given);
    refuseChanges(given, request);
    return { ...opened, storage: nodeStorage(dirname(place)), graph: basename(place) };
  }
  const adapters = request.loras?.length ? await openAdapters(request.loras, request) : undefined;
  const embeddings = request.embeddings?.length
    ? await openEmbeddings(request.embeddings, request)
    : undefined;
  const inCwd = (path: string | undefined) => (path === undefined ? undefined : resolve(request.cwd, path));
  const { storage, license } = await openCheckpointFile({
    ...request,
    path: place,
    config: await existingFolder('--config', inCwd(request.config)),
    tokenizer: await existingFolder('--tokenizer', inCwd(request.tokenizer)),
    prediction: request.prediction,
    parts: request.parts ?? {},
    incomplete: request.incomplete ?? false,
    adapters,
    embeddings,
    controlled: request.controlnet !== undefined,
  });
  const added = [...(adapters?.origin ?? []), ...(embeddings?.origin ?? [])];
  const named = origin.license ?? license;
  return {
    ...opened,
    storage,
    graph: undefined,
    origin: {
      ...origin,
      ...(named !== undefined && { license: named }),
      ...(added.length > 0 && { adapters: added }),
    },
  };
}

/** What is added to weights is not added to a graph. */
function refuseChanges(given: string, { loras = [], embeddings = [] }: ModelSourceRequest): void {
  if (loras.length + embeddings.length === 0) return;
  const what = loras.length > 0 ? 'a LoRA' : 'an embedding';
  throw new CacheQuantError('unsupported', `${what} is merged into safetensors, not into an ONNX graph`, {
    where: given,
    hint: 'Give the safetensors that the graph was exported from',
  });
}

async function existingFolder(where: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined || (await stat(path).catch(() => undefined))?.isDirectory()) return path;
  throw new CacheQuantError('storage', 'there is no such folder', { where, got: path });
}

/** A folder has its own. */
function refuseOptionsOfFiles(
  given: string,
  { config, tokenizer, prediction, parts = {} }: ModelSourceRequest,
): void {
  const [part] = Object.keys(parts) as (keyof GivenParts)[];
  const [named] =
    Object.entries({ config, tokenizer, prediction }).find(([, value]) => value !== undefined) ?? [];
  const option = named === undefined ? part && PART_OPTIONS[part] : `--${named}`;
  if (option === undefined) return;
  throw new CacheQuantError('invalid-argument', `${option} is for single files of weights`, {
    where: given,
    hint: 'A folder says it itself, in its own files',
  });
}

/**
 * Refuses a file that is no graph by its name, which the reader could say less clearly.
 * @throws CacheQuantError `invalid-argument`
 */
function requireGraphName(given: string): void {
  const [, ending] = /\.(md|txt|json|html?|png|jpe?g|ckpt|pt|pth|bin|pb|zip|gz)$/i.exec(given) ?? [];
  if (ending === undefined) return;
  const pickle = /^(ckpt|pt|pth|bin)$/i.test(ending);
  throw new CacheQuantError(
    'invalid-argument',
    pickle ? 'pickles can run any code, and are not read' : 'this is no model',
    {
      where: given,
      expected: 'a model folder, a bundle, or a file that ends in .safetensors, .gguf or .onnx',
      got: `.${ending}`,
      ...(pickle && {
        hint: 'Most models are published as .safetensors as well; otherwise convert it in Python where you trust it',
      }),
    },
  );
}

async function licenseOfFolder(folder: string): Promise<string | undefined> {
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const [, metadata] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  return /^license:\s*["']?([\w.+-]+)["']?\s*$/m.exec(metadata ?? '')?.[1];
}
