import { basename, dirname } from 'node:path';
import {
  type Component,
  type Family,
  type LonePart,
  openSingleFile,
  openWeightFile,
  type PredictionType,
  type SingleFileModel,
  type SingleFilePart,
  tokenCount,
} from '@cachequant/checkpoint';
import { checkpointStorage, type PlacedComponent, type VirtualFile } from '@cachequant/pipeline';
import { mountedStorage } from '@cachequant/pipeline/internals';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, openSource, type Storage } from '@cachequant/tensor';
import type { OpenedAdapters } from './adapters.js';
import { readConfig } from './component-config.js';
import { embeddingTokenizers, type OpenedEmbeddings, withEmbeddings, withVocabulary } from './embeddings.js';
import { type GivenParts, openGivenParts, PART_OPTIONS } from './given-parts.js';
import type { SourceContext } from './source-context.js';
import { tokenizerFiles } from './tokenizer-files.js';

/** How one file of weights becomes a model; folders are absolute. */
export interface SingleFileRequest extends SourceContext {
  readonly path: string;
  readonly config: string | undefined;
  readonly tokenizer: string | undefined;
  readonly prediction: PredictionType | undefined;
  /** In place of those in the file, or because it has none. */
  readonly parts: GivenParts;
  readonly adapters: OpenedAdapters | undefined;
  readonly embeddings: OpenedEmbeddings | undefined;
  /** Whether its U-Net takes the residuals of a ControlNet. */
  readonly controlled?: boolean;
  /** Whether to go without parts and tokenizers that are not at hand; a warning names the parts. */
  readonly incomplete: boolean;
}

const PARTS: Readonly<Record<Family, readonly SingleFilePart[]>> = {
  sd1: ['unet', 'vae', 'text_encoder'],
  sd2: ['unet', 'vae', 'text_encoder'],
  sdxl: ['unet', 'vae', 'text_encoder', 'text_encoder_2'],
  'sdxl-refiner': ['unet', 'vae', 'text_encoder_2'],
};

/** The parts that need tokenizers. */
const PROMPT_PARTS: readonly string[] = ['text_encoder', 'text_encoder_2'];

/** Where configurations of a part are kept: by diffusers, and by exporters. */
const CONFIG_FOLDERS: Readonly<Record<string, readonly string[]>> = { vae: ['vae', 'vae_decoder'] };

/**
 * One .safetensors or .gguf file, as model sites have them, in the layout of an exported pipeline.
 * @throws CacheQuantError as `openSingleFile` and `openGivenParts` do; `unsupported` for a file without one of the parts
 */
export async function openCheckpointFile(
  request: SingleFileRequest,
): Promise<{ storage: Storage; license: string | undefined }> {
  const { path, config: configFolder, prediction, parts, adapters, embeddings, onWarning } = request;
  const name = basename(path);
  const file = await openWeightFile(await openSource(nodeStorage(dirname(path)), name));
  const given = configFolder === undefined ? undefined : nodeStorage(configFolder);
  const configs = given ? await configsOf(given) : {};
  const model = await openSingleFile(file, {
    configs,
    ...(file.metadata && { metadata: file.metadata }),
    ...(prediction && { predictionType: prediction }),
  });
  requireParts(model, request, name);
  const elsewhere = await openGivenParts(parts, { family: model.family, configs }, request);
  const base = mountedStorage(
    nodeStorage(dirname(path)),
    new Map([...elsewhere.values()].map(({ mount, storage }) => [mount, storage])),
  );
  const plain = new Map<string, PlacedComponent>();
  for (const part of PARTS[model.family]) {
    const other = elsewhere.get(part as LonePart)?.component;
    const own = model.components.get(part);
    if (other !== undefined) plain.set(part, other);
    else if (own !== undefined) plain.set(part, { ...own, folder: '', files: [name] });
  }
  const tokenizers = await tokenizersOf(plain, model.family, request);
  if (tokenizers === undefined) for (const part of PROMPT_PARTS) plain.delete(part);
  const encoders = new Map([...plain].filter(([part]) => PROMPT_PARTS.includes(part)));
  const components = adapted(plain, adapters, embeddings);
  const scheduler = 'scheduler/scheduler_config.json';
  const files = new Map<string, VirtualFile>([
    ['model_index.json', json(await indexOf(model, components, given))],
    [scheduler, json((given && (await readConfig(given, scheduler))) ?? model.schedulerConfig)],
    ...[...components].flatMap(([part, component]) => configFiles(part, component)),
    ...(tokenizers ?? []),
    ...(embeddings && tokenizers ? await withWords(base, tokenizers, encoders, embeddings) : []),
    ...(adapters ? [['unet/adapters.json', text(adapters.description)] as const] : []),
  ]);
  if (model.family === 'sd2' && prediction === undefined) {
    onWarning?.(
      `${name} is taken to predict ${model.prediction.type}: ${model.prediction.because}; --prediction overrules it`,
    );
  }
  const storage = await checkpointStorage(base, components, {
    files,
    shows: () => false,
    controlled: request.controlled,
  });
  return { storage, license: file.metadata?.['modelspec.license'] };
}

/** Undefined where there are none and the model may be incomplete. */
async function tokenizersOf(
  parts: ReadonlyMap<string, PlacedComponent>,
  family: Family,
  request: SingleFileRequest,
): Promise<ReadonlyMap<string, VirtualFile> | undefined> {
  const encoders = [...parts].filter(([part]) => PROMPT_PARTS.includes(part));
  const tokens = new Map(encoders.map(([part, { weights }]) => [part, tokenCount(weights)]));
  try {
    return await tokenizerFiles({ ...request, family, tokens });
  } catch (error) {
    if (!request.incomplete || !CacheQuantError.is(error) || error.code === 'aborted') throw error;
    request.onWarning?.(`prompts cannot be read: ${error.message}`);
    return undefined;
  }
}

/** @throws CacheQuantError `unsupported` for a model without one of its parts, unless it may be incomplete */
function requireParts(
  { components, family }: SingleFileModel,
  { parts: given, incomplete, onWarning }: SingleFileRequest,
  name: string,
): void {
  const needed = PARTS[family];
  const useless = (Object.keys(given) as LonePart[]).find((part) => !needed.includes(part));
  if (useless !== undefined) {
    throw new CacheQuantError('invalid-argument', 'the model has no such part', {
      where: `${PART_OPTIONS[useless]} beside ${name}`,
      expected: needed.join(', '),
    });
  }
  const missing = needed.filter((part) => !components.has(part) && given[part as LonePart] === undefined);
  if (missing.length === 0) return;
  const options = missing.flatMap((part) => PART_OPTIONS[part as LonePart] ?? []);
  const summary = `the file holds no ${missing.join(' and no ')}`;
  const hint = missing.includes('unet')
    ? 'Give the file of the whole model'
    : `Give what is missing with ${options.join(' and ')}: a .safetensors file, or the folder or id of a model that has it`;
  if (incomplete && !missing.includes('unet')) {
    onWarning?.(`${name}: ${summary}. ${hint}`);
    return;
  }
  throw new CacheQuantError('unsupported', summary, {
    where: name,
    expected: needed.join(', '),
    got: [...components.keys()].join(', ') || 'none of them',
    hint,
  });
}

function adapted(
  plain: ReadonlyMap<string, PlacedComponent>,
  adapters: OpenedAdapters | undefined,
  embeddings: OpenedEmbeddings | undefined,
): ReadonlyMap<string, PlacedComponent> {
  const stored = new Map([...plain].map(([part, { weights }]) => [part, weights]));
  const merged = adapters?.adapt(stored) ?? stored;
  const weights = embeddings ? withEmbeddings(merged, embeddings) : merged;
  return new Map(
    [...plain].map(([part, component]) => {
      const { config } = component;
      const known = embeddings ? withVocabulary(part, config, embeddings) : config;
      // The file beside a part from elsewhere would say what it was before.
      const files =
        known === config ? component.files : component.files.filter((path) => !path.endsWith('/config.json'));
      return [part, { ...component, config: known, files, weights: weights.get(part)! }];
    }),
  );
}

async function indexOf(
  { modelIndex }: SingleFileModel,
  components: ReadonlyMap<string, PlacedComponent>,
  given: Storage | undefined,
): Promise<Record<string, unknown>> {
  const tokenizer = ['transformers', 'CLIPTokenizer'];
  return {
    ...((given && (await readConfig(given, 'model_index.json'))) ?? {
      ...modelIndex,
      ...classesOf(components),
    }),
    ...(components.has('text_encoder') && { tokenizer }),
    ...(components.has('text_encoder_2') && { tokenizer_2: tokenizer }),
  };
}

/** Of parts that the file itself may have lacked. */
function classesOf(components: ReadonlyMap<string, PlacedComponent>): Record<string, readonly string[]> {
  const classes: Readonly<Record<string, readonly string[]>> = {
    vae: ['diffusers', 'AutoencoderKL'],
    text_encoder: ['transformers', 'CLIPTextModel'],
    text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
  };
  return Object.fromEntries(Object.entries(classes).filter(([part]) => components.has(part)));
}

/** The tokenizers' files with the words of embeddings, and what says that the text encoders have them. */
async function withWords(
  base: Storage,
  tokenizers: ReadonlyMap<string, VirtualFile>,
  encoders: ReadonlyMap<string, PlacedComponent>,
  embeddings: OpenedEmbeddings,
): Promise<[string, VirtualFile][]> {
  const shown = await checkpointStorage(base, new Map(), { files: tokenizers, shows: () => false });
  const weights = new Map([...encoders].map(([part, component]) => [part, component.weights]));
  const described = [...encoders.keys()].map((part): [string, VirtualFile] => [
    `${part}/adapters.json`,
    text(embeddings.description),
  ]);
  return [...(await embeddingTokenizers(shown, weights, embeddings)), ...described];
}

function configFiles(part: string, { config, weights }: Component): [string, VirtualFile][] {
  // Some files hold the decoder alone.
  const encodes = part === 'vae' && [...weights.names()].some((name) => name.startsWith('encoder.'));
  const folders = part === 'vae' ? ['vae_decoder', ...(encodes ? ['vae_encoder'] : [])] : [part];
  return folders.map((folder) => [`${folder}/config.json`, json(config)]);
}

async function configsOf(storage: Storage): Promise<Partial<Record<SingleFilePart, Component['config']>>> {
  const configs: Partial<Record<SingleFilePart, Component['config']>> = {};
  for (const part of PARTS.sdxl) {
    for (const folder of CONFIG_FOLDERS[part] ?? [part]) {
      configs[part] ??= await readConfig(storage, `${folder}/config.json`);
    }
  }
  return configs;
}

const text = (content: string): VirtualFile => ({ make: async () => new TextEncoder().encode(content) });
const json = (value: unknown): VirtualFile => text(`${JSON.stringify(value, null, 2)}\n`);
