import { basename, dirname, join } from 'node:path';
import { type Component, openSingleFile, openWeightFile, type PredictionType } from '@cachequant/checkpoint';
import { checkpointStorage, type PlacedComponent, type VirtualFile } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, openSource, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import type { OpenedAdapters } from './adapters.js';
import type { SourceContext } from './source-context.js';
import { tokenizerFiles } from './tokenizer-files.js';

/** How one file of weights becomes a model; folders are absolute. */
export interface SingleFileRequest extends SourceContext {
  readonly path: string;
  readonly config: string | undefined;
  readonly tokenizer: string | undefined;
  readonly prediction: PredictionType | undefined;
  readonly adapters: OpenedAdapters | undefined;
}

const PARTS = ['unet', 'vae', 'text_encoder'] as const;
/** Where configurations of a part are kept: by diffusers, and by exporters. */
const CONFIG_FOLDERS: Readonly<Record<string, readonly string[]>> = { vae: ['vae', 'vae_decoder'] };

const objectSchema = z.record(z.string(), z.unknown());

/**
 * One .safetensors or .gguf file, as model sites have them, in the layout of an exported pipeline.
 * @throws CacheQuantError as `openSingleFile` does; `unsupported` for a file without one of the parts
 */
export async function openCheckpointFile(
  request: SingleFileRequest,
): Promise<{ storage: Storage; license: string | undefined }> {
  const { path, config: configFolder, prediction, adapters, onWarning } = request;
  const base = nodeStorage(dirname(path));
  const name = basename(path);
  const file = await openWeightFile(await openSource(base, name));
  const model = await openSingleFile(file, {
    ...(file.metadata && { metadata: file.metadata }),
    ...(prediction && { predictionType: prediction }),
  });
  requireParts(model.components, name);
  const given = configFolder === undefined ? undefined : nodeStorage(configFolder);
  const components = new Map<string, PlacedComponent>();
  const weights = new Map(
    [...model.components].map(([part, component]) => [part, component.weights] as const),
  );
  const adapted: ReadonlyMap<string, Component['weights']> = adapters?.adapt(weights) ?? weights;
  for (const [part, component] of model.components) {
    const config = (given && (await configOf(given, part))) ?? component.config;
    components.set(part, { config, weights: adapted.get(part)!, folder: '', files: [name] });
  }
  const scheduler = 'scheduler/scheduler_config.json';
  const index = {
    ...((given && (await objectAt(given, 'model_index.json'))) ?? model.modelIndex),
    tokenizer: ['transformers', 'CLIPTokenizer'],
  };
  const tokens = model.components.get('text_encoder')!.weights.shapeOf(EMBEDDING)[0]!;
  const files = new Map<string, VirtualFile>([
    ['model_index.json', json(index)],
    [scheduler, json((given && (await objectAt(given, scheduler))) ?? model.schedulerConfig)],
    ...[...components].flatMap(([part, component]) => configFiles(part, component)),
    ...(await tokenizerFiles({
      ...request,
      family: model.family,
      tokens,
      tokenizer: await tokenizerOf(request),
    })),
    ...(adapters ? [['unet/adapters.json', text(adapters.description)] as const] : []),
  ]);
  if (model.family === 'sd2' && prediction === undefined) {
    onWarning?.(
      `${name} is taken to predict ${model.prediction.type}: ${model.prediction.because}; --prediction overrules it`,
    );
  }
  const storage = await checkpointStorage(base, components, { files, shows: () => false });
  return { storage, license: file.metadata?.['modelspec.license'] };
}

const EMBEDDING = 'text_model.embeddings.token_embedding.weight';

function requireParts(components: ReadonlyMap<string, Component>, name: string): void {
  const missing = PARTS.filter((part) => !components.has(part));
  if (missing.length === 0) return;
  throw new CacheQuantError('unsupported', `the file holds no ${missing.join(' and no ')}`, {
    where: name,
    expected: PARTS.join(', '),
    got: [...components.keys()].join(', ') || 'none of them',
    hint: 'Use the model as a diffusers folder, or another file of it that has all parts',
  });
}

async function tokenizerOf({ tokenizer, config }: SingleFileRequest): Promise<string | undefined> {
  if (tokenizer !== undefined || config === undefined) return tokenizer;
  const hasTokenizer = (await nodeStorage(config).list('tokenizer')).length > 0;
  return hasTokenizer ? join(config, 'tokenizer') : undefined;
}

function configFiles(part: string, { config, weights }: Component): [string, VirtualFile][] {
  // Some files hold the decoder alone.
  const encodes = part === 'vae' && [...weights.names()].some((name) => name.startsWith('encoder.'));
  const folders = part === 'vae' ? ['vae_decoder', ...(encodes ? ['vae_encoder'] : [])] : [part];
  return folders.map((folder) => [`${folder}/config.json`, json(config)]);
}

async function configOf(storage: Storage, part: string): Promise<Record<string, unknown> | undefined> {
  for (const folder of CONFIG_FOLDERS[part] ?? [part]) {
    const config = await objectAt(storage, `${folder}/config.json`);
    if (config !== undefined) return config;
  }
  return undefined;
}

async function objectAt(storage: Storage, path: string): Promise<Record<string, unknown> | undefined> {
  if ((await storage.stat(path)) === undefined) return undefined;
  const where = storage.locate?.(path) ?? path;
  const parsed = objectSchema.safeParse(parseJson(await readText(storage, path), where));
  if (parsed.success) return parsed.data;
  throw new CacheQuantError('invalid-argument', 'the configuration is not a JSON object', { where });
}

const text = (content: string): VirtualFile => ({ make: async () => new TextEncoder().encode(content) });
const json = (value: unknown): VirtualFile => text(`${JSON.stringify(value, null, 2)}\n`);
