import {
  cloneModel,
  createWeightFile,
  type OnnxModel,
  readModel,
  TABLE_PREFIX,
  type WeightData,
  writeModel,
} from '@cachequant/onnx';
import {
  type BundleManifest,
  FORMAT_VERSION,
  hashFile,
  MANIFEST,
  VERIFICATION,
} from '@cachequant/pipeline/internals';
import { CacheQuantError, type Storage, throwIfAborted, writeFile } from '@cachequant/tensor';
import { CARD } from './bundle-card.js';
import { placeInShards, planShards, type WeightShard, writeShards } from './weight-shards.js';

/** Marks a folder whose bundle is being written. */
const UNFINISHED = 'unfinished-bundle';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Graphs of the work folder that become a bundle's denoiser. */
export interface DenoiserFiles {
  readonly full: string;
  readonly cached: string;
  readonly weights: string;
  /** Further graphs over the same weights, for other backends. */
  readonly variants?: readonly VariantFiles[];
  /** Bytes that a file of weights may have. */
  readonly shardBytes?: number | undefined;
}

export interface VariantFiles {
  readonly precision: string;
  readonly full: string;
  readonly cached: string;
}

/** Names of the inputs that each graph of a denoiser takes. */
export interface DenoiserInputNames {
  readonly full: readonly string[];
  readonly cached: readonly string[];
  readonly variants: readonly { readonly full: readonly string[]; readonly cached: readonly string[] }[];
}

/**
 * Writes everything under denoiser/: both graphs, their weights once, and the numbers per call in a file of
 * their own, so that planning anew never touches the weights.
 */
export async function writeDenoiser(
  work: Storage,
  out: Storage,
  files: DenoiserFiles,
): Promise<DenoiserInputNames> {
  const paths = [
    [files.full, 'denoiser/full.onnx'],
    [files.cached, 'denoiser/cached.onnx'],
    ...(files.variants ?? []).flatMap((variant) => {
      const { full, cached } = variantPaths(variant.precision);
      return [
        [variant.full, full],
        [variant.cached, cached],
      ];
    }),
  ] as [graph: string, path: string][];
  const models: OnnxModel[] = [];
  for (const [graph] of paths) models.push(await readModel(work, graph));
  const shards = planShards({
    shardBytes: files.shardBytes,
    size: (await work.stat(files.weights))!.size,
    weights: models.flatMap((model) => weightsIn(model, files.weights)).map(([, data]) => data),
  });
  await writeShards(work, files.weights, shards, out, 'denoiser');
  const tables = await createWeightFile(out, 'denoiser/tables.bin', { location: 'tables.bin' });
  try {
    const names: (readonly string[])[] = [];
    for (const [i, [, path]] of paths.entries()) {
      const model = await moveTables(models[i]!, tables);
      await writeModel(out, path, referWeights(model, files.weights, shards));
      names.push(inputNames(model));
    }
    await tables.commit();
    const [full, cached, ...others] = names as [readonly string[], readonly string[], ...string[][]];
    const variants = (files.variants ?? []).map((_, i) => ({
      full: others[2 * i]!,
      cached: others[2 * i + 1]!,
    }));
    return { full, cached, variants };
  } catch (error) {
    await tables.abort();
    throw error;
  }
}

/** Where the graphs of another precision are in a bundle: beside the weights that they share. */
export function variantPaths(precision: string): { full: string; cached: string } {
  return { full: `denoiser/full.${precision}.onnx`, cached: `denoiser/cached.${precision}.onnx` };
}

function inputNames({ graph }: OnnxModel): string[] {
  return graph.inputs.map(({ name }) => name);
}

async function moveTables(
  model: OnnxModel,
  tables: Awaited<ReturnType<typeof createWeightFile>>,
): Promise<OnnxModel> {
  const moved = cloneModel(model);
  for (const [name, weight] of moved.graph.initializers) {
    if (!name.startsWith(TABLE_PREFIX)) continue;
    moved.graph.initializers.set(name, { ...weight, data: await tables.add(weight) });
  }
  return moved;
}

type RangeData = Extract<WeightData, { kind: 'range' }>;

/** Weights that lie in the work folder's file. */
function weightsIn({ graph }: OnnxModel, weights: string): [name: string, data: RangeData][] {
  return [...graph.initializers].flatMap(([name, { data }]) =>
    data.kind === 'range' && data.source.name.endsWith(weights) ? [[name, data] as [string, RangeData]] : [],
  );
}

/** Weights that were read from the work folder's file are those of its parts beside the graph. */
function referWeights(model: OnnxModel, weights: string, shards: readonly WeightShard[]): OnnxModel {
  for (const [name, data] of weightsIn(model, weights)) {
    const weight = model.graph.initializers.get(name)!;
    model.graph.initializers.set(name, { ...weight, data: placeInShards(shards, data) });
  }
  return model;
}

export interface ComponentFiles {
  readonly signal?: AbortSignal | undefined;
  /** By the part's folder: the folder of the work storage whose files stand in for its graph and weights. */
  readonly replaced: ReadonlyMap<string, string>;
  readonly work: Storage;
}

/**
 * Copies what the denoiser is not: text encoder, decoder, tokenizer, scheduler, configuration.
 * @param model path of the denoiser's graph; what lies beside it stays behind, but for its configuration
 */
export async function copyComponents(
  source: Storage,
  out: Storage,
  model: string,
  { signal, replaced, work }: ComponentFiles,
): Promise<void> {
  for (const path of await source.list()) {
    throwIfAborted(signal);
    // The bundle has a card of its own.
    if (path === CARD) continue;
    if (path === `${folderOf(model)}config.json`) await copyFile(source, path, out, 'denoiser/config.json');
    else if (!belongsToDenoiser(path, model) && !isReplaced(path, replaced)) {
      await copyFile(source, path, out, path);
    }
  }
  for (const [part, folder] of replaced) {
    for (const path of await work.list(folder)) {
      throwIfAborted(signal);
      await copyFile(work, path, out, `${part}${path.slice(folder.length)}`);
    }
  }
}

/** A graph, or weights beside it; configuration stays that of the source. */
function isReplaced(path: string, replaced: ComponentFiles['replaced']): boolean {
  return [...replaced.keys()].some((part) => path.startsWith(`${part}/`)) && !path.endsWith('.json');
}

/** Bytes of all files under a prefix. */
export async function bytesUnder(storage: Storage, prefix: string): Promise<number> {
  let total = 0;
  for (const path of await storage.list(prefix)) total += (await storage.stat(path))?.size ?? 0;
  return total;
}

/** Bytes of the denoiser's graph and of everything beside it that belongs to it. */
export async function denoiserBytes(source: Storage, model: string): Promise<number> {
  let total = 0;
  for (const path of await source.list()) {
    if (belongsToDenoiser(path, model)) total += (await source.stat(path))?.size ?? 0;
  }
  return total;
}

/** Everything in the denoiser's folder; where it lies at the top, the files at the top that are no texts. */
function belongsToDenoiser(path: string, model: string): boolean {
  const folder = folderOf(model);
  if (folder !== '') return path.startsWith(folder);
  return !path.includes('/') && (path === 'config.json' || !/\.(json|txt|md)$/i.test(path));
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/**
 * Refuses a folder whose files nobody wants to lose.
 * @throws CacheQuantError `storage` unless it is empty, holds a bundle, or one that was not finished
 */
export async function requireBundlePlace(out: Storage): Promise<void> {
  const [first] = await out.list();
  if (first === undefined || (await out.stat(MANIFEST)) || (await out.stat(UNFINISHED))) return;
  throw new CacheQuantError('storage', 'the folder for the bundle holds other files', {
    where: out.locate?.(first) ?? first,
    expected: 'an empty folder, or an earlier bundle, which is replaced',
  });
}

/** Empties the folder of an earlier bundle, whose manifest goes first. */
export async function startBundle(out: Storage): Promise<void> {
  await requireBundlePlace(out);
  await writeFile(out, UNFINISHED, '');
  await out.remove(MANIFEST);
  for (const path of await out.list()) if (path !== UNFINISHED) await out.remove(path);
}

async function copyFile(from: Storage, path: string, to: Storage, target: string): Promise<void> {
  const size = (await from.stat(path))?.size ?? 0;
  const writer = await to.create(target);
  try {
    for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
      await writer.write(await from.read(path, { offset, length: Math.min(CHUNK_BYTES, size - offset) }));
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Writes the manifest, last of all: a bundle without it is none. */
export async function finishBundle(
  out: Storage,
  manifest: Omit<BundleManifest, 'files' | 'formatVersion'>,
): Promise<BundleManifest> {
  const files: BundleManifest['files'] = {};
  for (const path of await out.list()) {
    if (path === UNFINISHED || path === VERIFICATION || path === CARD) continue;
    files[path] = { bytes: (await out.stat(path))!.size, sha256: await hashFile(out, path) };
  }
  const complete = { formatVersion: FORMAT_VERSION, ...manifest, files } as const;
  await writeFile(out, MANIFEST, `${JSON.stringify(complete, null, 2)}\n`);
  await out.remove(UNFINISHED);
  return complete;
}
