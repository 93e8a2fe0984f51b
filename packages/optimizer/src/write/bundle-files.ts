import {
  byteLengthOfData,
  cloneModel,
  createWeightFile,
  type OnnxModel,
  readModel,
  readWeightBytes,
  shapeConstants,
  TABLE_PREFIX,
  type WeightData,
  writeModel,
} from '@cachequant/onnx';
import { type BundleManifest, MANIFEST, openBundle, readManifest } from '@cachequant/pipeline';
import {
  bundleFolder,
  FORMAT_VERSION,
  hashFile,
  isBuiltGraph,
  sealManifest,
} from '@cachequant/pipeline/internals';
import { type OwnedStorage, ownedPaths, type Storage, throwIfAborted, writeFile } from '@cachequant/tensor';
import { licenceFiles, type ModelFiles } from '../prepare/model-files.js';
import { weightBytes } from '../weight-bytes.js';
import { copyFile } from '../work/copy-file.js';
import { CARD } from './bundle-card.js';
import { UNFINISHED } from './bundle-place.js';
import { placeInShards, planShards, type WeightShard, writeShards } from './weight-shards.js';

/** Graphs of the work folder that become a bundle's denoiser. */
export interface DenoiserFiles {
  readonly full: string;
  readonly cached: string;
  readonly weights: string;
  /** Further graphs over the same weights, for other backends. */
  readonly variants?: readonly VariantFiles[];
  /** Graphs of further sizes, over the same weights. */
  readonly sizes?: readonly SizeFiles[];
  /** Bytes that a file of weights may have. */
  readonly shardBytes?: number | undefined;
}

/** Graphs of a further size, and how its files are told apart, such as `512x768`. */
export interface SizeFiles {
  readonly name: string;
  readonly full: string;
  readonly cached: string;
  readonly variants: readonly VariantFiles[];
}

export interface VariantFiles {
  readonly precision: string;
  readonly full: string;
  readonly cached: string;
}

/** Names of the inputs that each graph of a denoiser takes. */
export interface DenoiserInputNames extends GraphInputNames {
  readonly variants: readonly GraphInputNames[];
  readonly sizes: readonly (GraphInputNames & { readonly variants: readonly GraphInputNames[] })[];
}

interface GraphInputNames {
  readonly full: readonly string[];
  readonly cached: readonly string[];
}

/**
 * Writes everything under denoiser/: both graphs, their weights once, and the numbers per call in a file of
 * their own, so that replanning never touches the weights. Where there are several sizes, what else is large in the graphs
 * is in one more file, once.
 */
export async function writeDenoiser(
  work: Storage,
  out: Storage,
  files: DenoiserFiles,
): Promise<DenoiserInputNames> {
  const paths = [
    [files.full, 'denoiser/full.onnx'],
    [files.cached, 'denoiser/cached.onnx'],
    ...pairsOf(files.variants ?? []),
    ...(files.sizes ?? []).flatMap(({ name, full, cached, variants }) => [
      [full, sizePaths(name).full],
      [cached, sizePaths(name).cached],
      ...pairsOf(variants, name),
    ]),
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
  const several = (files.sizes ?? []).length > 0;
  const constants = several
    ? await createWeightFile(out, 'denoiser/constants.bin', { location: 'constants.bin' })
    : undefined;
  try {
    const names: (readonly string[])[] = [];
    for (const [i, [, path]] of paths.entries()) {
      const model = await moveTables(models[i]!, tables);
      const referred = referWeights(model, files.weights, shards);
      await writeModel(out, path, constants ? await moveConstants(referred, constants) : referred);
      names.push(inputNames(model));
    }
    await tables.commit();
    await constants?.commit();
    const rest = names.values();
    const pair = () => ({ full: rest.next().value!, cached: rest.next().value! });
    const withVariants = (variants: readonly unknown[] = []) => ({ ...pair(), variants: variants.map(pair) });
    const main = withVariants(files.variants);
    return { ...main, sizes: (files.sizes ?? []).map(({ variants }) => withVariants(variants)) };
  } catch (error) {
    await constants?.abort();
    await tables.abort();
    throw error;
  }
}

function pairsOf(variants: readonly VariantFiles[], size?: string): [string, string][] {
  return variants.flatMap(({ precision, full, cached }) => {
    const paths = variantPaths(precision, size);
    return [
      [full, paths.full],
      [cached, paths.cached],
    ] as [string, string][];
  });
}

/** Where the graphs of another precision are in a bundle: beside the weights that they share. */
export function variantPaths(precision: string, size?: string): { full: string; cached: string } {
  const ending = `${size === undefined ? '' : `${size}.`}${precision}.onnx`;
  return { full: `denoiser/full.${ending}`, cached: `denoiser/cached.${ending}` };
}

/** Where the graphs of a further size are. */
export function sizePaths(size: string): { full: string; cached: string } {
  return { full: `denoiser/full.${size}.onnx`, cached: `denoiser/cached.${size}.onnx` };
}

/** Smaller ones stay inside the graphs. */
const LARGE_BYTES = 1024;

/** What is large in a graph and lies in no file yet, found again where another graph has it too. */
async function moveConstants(
  model: OnnxModel,
  constants: Awaited<ReturnType<typeof createWeightFile>>,
): Promise<OnnxModel> {
  const inline = shapeConstants(model.graph);
  for (const [name, weight] of model.graph.initializers) {
    const { data } = weight;
    if (data.kind === 'external' || inline.has(name) || byteLengthOfData(data) <= LARGE_BYTES) continue;
    const place = await constants.add(await readWeightBytes(weight));
    model.graph.initializers.set(name, { ...weight, data: place });
  }
  return model;
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
 * Copies what the pipeline needs beside the denoiser: text encoder, decoder, tokenizer, scheduler, configuration, and
 * the terms of the model. Whatever else lies in the folder stays there. Links become the files that they lead to.
 */
export async function copyComponents(
  source: Storage,
  out: Storage,
  { denoiser, others }: ModelFiles,
  { signal, replaced, work }: ComponentFiles,
): Promise<void> {
  const config = denoiser.find((path) => path.slice(path.lastIndexOf('/') + 1) === 'config.json');
  if (config !== undefined) await copyFile(source, config, out, 'denoiser/config.json');
  for (const path of [...others, ...(await licenceFiles(source))]) {
    throwIfAborted(signal);
    if (isReplaced(path, replaced)) continue;
    if (isBuiltGraph(source, path)) await writeBuilt(source, path, out, signal);
    else if (!besideBuilt(source, path)) await copyFile(source, path, out, path);
  }
  for (const [part, folder] of replaced) {
    for (const path of await work.list(folder)) {
      throwIfAborted(signal);
      await copyFile(work, path, out, `${part}${path.slice(folder.length)}`);
    }
  }
}

/** Weights of a part whose graph is written with its own. */
function besideBuilt(source: Storage, path: string): boolean {
  return isBuiltGraph(source, `${folderOf(path)}model.onnx`) && !path.endsWith('.json');
}

/** Weights above this go into a file of their own: protobuf ends at 2 GiB. */
const INLINE_BYTES = 2 ** 30;

/** Writes a graph that was built of a checkpoint with the weights that it uses, and no others of their files. */
async function writeBuilt(
  source: Storage,
  path: string,
  out: Storage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const model = await readModel(source, path);
  const stop = signal && { signal };
  if (weightBytes(model) <= INLINE_BYTES) return writeModel(out, path, model, { ...stop });
  const weightFile = await createWeightFile(out, `${path}_data`, {
    location: `${path.slice(folderOf(path).length)}_data`,
  });
  try {
    await writeModel(out, path, model, { weightFile, ...stop });
    await weightFile.commit();
  } catch (error) {
    await weightFile.abort();
    throw error;
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

/** Bytes of the denoiser's graph, its weights and its configuration. */
export async function denoiserBytes(source: Storage, { denoiser }: ModelFiles): Promise<number> {
  // The file of a checkpoint may hold other parts as well.
  const graph = denoiser.find((path) => isBuiltGraph(source, path));
  if (graph !== undefined) return weightBytes(await readModel(source, graph));
  let total = 0;
  for (const path of denoiser) total += (await source.stat(path))?.size ?? 0;
  return total;
}

/** Writes the manifest, last of all: a bundle without it is none. */
export async function finishBundle(
  out: OwnedStorage,
  manifest: Omit<BundleManifest, 'files' | 'formatVersion' | 'sha256'>,
): Promise<BundleManifest> {
  const files: BundleManifest['files'] = {};
  for (const path of (await ownedPaths(out, UNFINISHED)).sort()) {
    // People may write more into its card.
    if (path === CARD) continue;
    files[path] = { bytes: (await out.stat(path))!.size, sha256: await hashFile(out, path) };
  }
  const { sizes, ...others } = manifest;
  const listed = { ...others, ...(sizes.length > 0 && { sizes }) } as typeof manifest;
  await writeFile(out, MANIFEST, sealManifest({ formatVersion: FORMAT_VERSION, ...listed, files }));
  // Read back as everyone will: what cannot be opened is not finished.
  const bundle = await openBundle(out);
  await out.remove(UNFINISHED);
  return bundle.manifest;
}

/** Adds files to a finished bundle that were made of it, such as its report. */
export async function addToBundle(
  out: Storage,
  added: Readonly<Record<string, string>>,
): Promise<BundleManifest> {
  const manifest = await readManifest(out);
  const folder = await bundleFolder(out);
  const files = { ...manifest.files };
  for (const [path, content] of Object.entries(added)) {
    await writeFile(folder, path, content);
    files[path] = { bytes: (await folder.stat(path))!.size, sha256: await hashFile(folder, path) };
  }
  await writeFile(folder, MANIFEST, sealManifest({ ...manifest, files }));
  return readManifest(out);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
