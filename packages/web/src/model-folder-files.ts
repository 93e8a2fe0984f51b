import { CHECKPOINT_PARTS } from '@cachequant/pipeline/internals';
import type { HttpStorage, KnownFile } from '@cachequant/runtime-web';
import { parseJson, readText } from '@cachequant/tensor';

const INDEX = 'model_index.json';

/** What the entries of `model_index.json` are called as folders, where that is not their own name. */
const FOLDERS: Readonly<Record<string, string>> = { vae: 'vae_decoder' };

/** Files that a component may have, as exporters write them. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  tokenizer: [
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'vocab.json',
    'vocab.txt',
    'merges.txt',
  ],
  scheduler: ['scheduler_config.json'],
};
const GRAPH_FILES = ['config.json', 'model.onnx', 'model.onnx_data', 'model.onnx.data'];

/** How files of weights begin, by the library that wrote them. */
const WEIGHTS: Readonly<Record<string, readonly string[]>> = {
  diffusers: ['diffusion_pytorch_model'],
  transformers: ['model'],
};
/** What follows, in the order in which they are taken: half of the bytes where there is a choice. */
const WEIGHT_ENDINGS = [
  '.fp16.safetensors',
  '.safetensors.index.fp16.json',
  '.safetensors',
  '.safetensors.index.json',
];

type Found = Record<string, KnownFile>;

interface Part {
  readonly name: string;
  readonly library: unknown;
}

/**
 * A server does not list a folder, so each file that a model may have is asked for, by the folders of its index: graphs
 * as exporters write them, or else the safetensors that diffusers saves.
 */
export async function modelFolderFiles(storage: HttpStorage): Promise<Found> {
  const index = await storage.find([INDEX]);
  if (index[INDEX] === undefined) return storage.find(GRAPH_FILES);
  const parts = Object.entries(await readObject(storage, INDEX)).flatMap(([name, value]): Part[] =>
    Array.isArray(value) && value.some((each) => each !== null) ? [{ name, library: value[0] }] : [],
  );
  const exported = await storage.find(parts.flatMap(exportedFiles));
  const found = { ...index, ...exported };
  for (const part of parts) {
    // Others, such as safety checkers, are not computed with.
    if (CHECKPOINT_PARTS.has(part.name) && !(`${folderOf(part)}/model.onnx` in exported)) {
      Object.assign(found, await weightFiles(storage, part));
    }
  }
  return found;
}

function exportedFiles(part: Part): string[] {
  return (filesOf(part) ?? GRAPH_FILES).map((file) => `${folderOf(part)}/${file}`);
}

/** Undefined for a network. */
function filesOf({ name }: Part): readonly string[] | undefined {
  return FILES[name.replace(/_\d+$/, '')];
}

function folderOf({ name }: Part): string {
  return FOLDERS[name] ?? name;
}

/** The configuration and one form of the weights; nothing for a part without weights. */
async function weightFiles(storage: HttpStorage, { name, library }: Part): Promise<Found> {
  const stems = WEIGHTS[String(library)] ?? Object.values(WEIGHTS).flat();
  const names = stems.flatMap((stem) => WEIGHT_ENDINGS.map((ending) => `${name}/${stem}${ending}`));
  const config = `${name}/config.json`;
  const there = await storage.find([config, ...names]);
  const chosen = names.find((path) => path in there);
  if (chosen === undefined || !(config in there)) return {};
  const files: Found = { [config]: there[config]!, [chosen]: there[chosen]! };
  return chosen.endsWith('.json')
    ? { ...files, ...(await storage.find(await shardsOf(storage, chosen))) }
    : files;
}

async function shardsOf(storage: HttpStorage, index: string): Promise<string[]> {
  const { weight_map: places } = await readObject(storage, index);
  const names = new Set(Object.values((places ?? {}) as Record<string, unknown>).map(String));
  const folder = index.slice(0, index.lastIndexOf('/') + 1);
  // A name that leaves the folder is refused when the weights are opened.
  return [...names].filter((name) => !name.includes('/')).map((name) => folder + name);
}

async function readObject(storage: HttpStorage, path: string): Promise<Record<string, unknown>> {
  return parseJson(await readText(storage, path), path) as Record<string, unknown>;
}
