import { CHECKPOINT_PARTS } from '@cachequant/pipeline/internals';
import type { HttpStorage, KnownFile } from '@cachequant/runtime-web';
import { parseJson, readText } from '@cachequant/tensor';

const INDEX = 'model_index.json';

/** What the entries of `model_index.json` are called as folders, where that is not their own name. */
const FOLDERS: Readonly<Record<string, string>> = { vae: 'vae_decoder' };

const TOKENIZER = ['tokenizer_config.json', 'special_tokens_map.json'];
/** In place of `tokenizer.json`. */
const VOCABULARY = ['vocab.json', 'merges.txt', 'vocab.txt'];

/** What a part has at the least, and what is asked for once that is there, or is not. */
interface PartFiles {
  readonly first: string;
  readonly beside: readonly string[];
  readonly instead?: readonly string[];
}

const FILES: Readonly<Record<string, PartFiles>> = {
  tokenizer: { first: 'tokenizer.json', beside: TOKENIZER, instead: [...VOCABULARY, ...TOKENIZER] },
  scheduler: { first: 'scheduler_config.json', beside: [] },
};
const GRAPH: PartFiles = { first: 'model.onnx', beside: ['config.json'] };
/** Weights beside a graph, as exporters call them. */
const DATA = ['model.onnx_data', 'model.onnx.data'];
/** A graph without its weights is smaller. */
const MOST_GRAPH_BYTES = 64 * 2 ** 20;

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
 * A server does not list a folder, so the files that a model may have are asked for, by the folders of its index: graphs
 * as exporters write them, or else the safetensors that diffusers saves. Browsers log each that is not there, so none is
 * asked for that another one rules out.
 */
export async function modelFolderFiles(storage: HttpStorage): Promise<Found> {
  const index = await storage.find([INDEX]);
  if (index[INDEX] === undefined) return graphFiles(storage, '');
  const parts = Object.entries(await readObject(storage, INDEX)).flatMap(([name, value]): Part[] =>
    Array.isArray(value) && value.some((each) => each !== null) ? [{ name, library: value[0] }] : [],
  );
  const exported = await Promise.all(parts.map((part) => exportedFiles(storage, part)));
  const found: Found = Object.assign({}, index, ...exported);
  for (const part of parts) {
    // Others, such as safety checkers, are not computed with.
    if (CHECKPOINT_PARTS.has(part.name) && !(`${folderOf(part)}/${GRAPH.first}` in found)) {
      Object.assign(found, await weightFiles(storage, part));
    }
  }
  return found;
}

function exportedFiles(storage: HttpStorage, part: Part): Promise<Found> {
  const files = FILES[part.name.replace(/_\d+$/, '')];
  const folder = `${folderOf(part)}/`;
  return files ? partFiles(storage, folder, files) : graphFiles(storage, folder);
}

async function partFiles(
  storage: HttpStorage,
  folder: string,
  { first, beside, instead = [] }: PartFiles,
): Promise<Found> {
  const there = await storage.find([folder + first]);
  const rest = folder + first in there ? beside : instead;
  return { ...there, ...(await storage.find(rest.map((name) => folder + name))) };
}

async function graphFiles(storage: HttpStorage, folder: string): Promise<Found> {
  const found = await partFiles(storage, folder, GRAPH);
  const graph = found[folder + GRAPH.first];
  if (graph === undefined || (graph.bytes ?? 0) > MOST_GRAPH_BYTES) return found;
  for (const name of DATA) {
    const data = await storage.find([folder + name]);
    if (folder + name in data) return { ...found, ...data };
  }
  return found;
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
