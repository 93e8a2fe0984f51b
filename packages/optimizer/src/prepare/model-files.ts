import { externalLocations } from '@cachequant/onnx';
import type { ConditioningRecipe, ModelFolder } from '@cachequant/pipeline';
import { builtGraphSources, findGraph, foldersOf } from '@cachequant/pipeline/internals';
import type { Storage } from '@cachequant/tensor';

/** The files of a model folder that pictures depend on. What else lies there is nobody's business. */
export interface ModelFiles {
  /** The graph, its weights and its configuration. */
  readonly denoiser: readonly string[];
  /** The graphs, weights and configurations of the other parts, tokenizer, scheduler, index. */
  readonly others: readonly string[];
}

const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
];

/** Terms that go with every copy. */
const LICENCE_FILES = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'NOTICE', 'NOTICE.md', 'NOTICE.txt'];

/** Encoders beside the first, each with its tokenizer. */
const FURTHER = ['_2', '_3'];

/**
 * Lists a model's files from its parts; reads the graphs, but not their weights.
 * @param recipe of its conditioning, which may read parts of other names
 */
export async function modelFiles(folder: ModelFolder, recipe?: ConditioningRecipe): Promise<ModelFiles> {
  const { storage, denoiser, vaeDecoder, vaeEncoder, textEncoder, classEmbedder, controlNet } = folder;
  const { inputOrigins, tokenizer } = folder;
  const described = recipe && foldersOf(recipe);
  const usual = FURTHER.map((ending) => `text_encoder${ending}`);
  const parts = new Set([...usual, ...(described?.graphs ?? [])]);
  const further = [...parts].map((part) => findGraph(storage, part));
  const graphs = [
    vaeDecoder?.model,
    vaeEncoder?.model,
    folder.tinyDecoder?.model,
    textEncoder?.model,
    classEmbedder?.model,
    controlNet?.model,
    ...(await Promise.all(further)),
  ];
  const tokenizers = new Set([
    tokenizer,
    ...FURTHER.map((ending) => `tokenizer${ending}`),
    ...(described?.tokenizers ?? []),
  ]);
  const others = [
    'model_index.json',
    ...(inputOrigins ? ['inputs.json', ...(await storage.list('inputs'))] : []),
    'scheduler/scheduler_config.json',
    ...(described?.files ?? []),
    ...[...tokenizers].flatMap((folder) =>
      folder ? TOKENIZER_FILES.map((name) => `${folder}/${name}`) : [],
    ),
    ...(await Promise.all(graphs.map((graph) => (graph ? partFiles(storage, graph) : [])))).flat(),
  ];
  const own = await present(storage, await partFiles(storage, denoiser.model));
  return { denoiser: own, others: (await present(storage, others)).filter((path) => !own.includes(path)) };
}

/** Of a model folder, at its top. A link to somewhere else is no licence of this model. */
export async function licenceFiles(storage: Storage): Promise<string[]> {
  const found: string[] = [];
  for (const path of LICENCE_FILES) {
    const stat = await storage.stat(path);
    if (stat && !stat.outside) found.push(path);
  }
  return found;
}

async function partFiles(storage: Storage, model: string): Promise<string[]> {
  const folder = model.slice(0, model.lastIndexOf('/') + 1);
  const sources = builtGraphSources(storage, model);
  const weights = sources ? [] : await externalLocations(storage, model);
  // Of a graph in onnx/, the configuration may lie above it.
  const configs = [`${folder}config.json`, `${folder.replace(/onnx\/$/, '')}config.json`];
  return [model, ...configs, ...(sources ?? []), ...weights.map((location) => `${folder}${location}`)];
}

async function present(storage: Storage, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(async (path) => ((await storage.stat(path)) ? [path] : [])));
  return [...new Set(found.flat())].sort();
}
