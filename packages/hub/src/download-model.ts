import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CacheQuantError, parseJson } from '@cachequant/tensor';
import { ModelCache } from './cache.js';
import { type ChosenFiles, chooseFiles } from './choose-files.js';
import { checkSpace, onDisk } from './disk.js';
import { downloadBlob } from './download-blob.js';
import { HubError } from './hub-error.js';
import type { Connection } from './hub-fetch.js';
import { licenseOfCard } from './model-card.js';
import { checkModelId, checkRevision, isCommit } from './model-id.js';
import { type HubProgress, ProgressMeter } from './progress.js';
import { type HubFile, listRepository, type Revision, resolveRevision } from './repository-files.js';
import { type HubSettings, hubSettings } from './settings.js';

/** Where a model comes from and where it goes. */
export interface DownloadOptions {
  /** A branch, a tag, or the hash of a commit; `main` by default. */
  revision?: string;
  /** Such as `fp16`; by default that where the model has it, else the plain files. */
  variant?: string;
  /** Only these files, in place of those that a pipeline needs. */
  files?: readonly string[];
  /** By default those of the environment. */
  settings?: HubSettings;
  onProgress?: (progress: HubProgress) => void;
  signal?: AbortSignal;
  /** In place of the global one, for proxies and tests. */
  fetch?: typeof fetch;
  /** How often what may pass is tried: no connection, 429, 5xx; 5 by default. */
  attempts?: number;
  /** How long to wait before the second try, doubled for each further one; 1000 by default. */
  waitMs?: number;
}

/** A model in the cache. */
export interface CachedModel {
  readonly id: string;
  /** The commit that the files are of: what to pin. */
  readonly commit: string;
  /** The folder with the model's files, links into the cache. */
  readonly folder: string;
  /** Paths in the folder of all files that were chosen. */
  readonly files: readonly string[];
  readonly variant: string | undefined;
  /** As the model's card says it. */
  readonly license: string | undefined;
  /** Whether the Hub could not be reached, so that the branch may have moved on since. */
  readonly stale: boolean;
}

/**
 * Fetches what is needed of a model into the cache that Python's huggingface_hub shares. What is there is not fetched
 * again, and what was cut off goes on where it ended.
 *
 * Without a connection, and with HF_HUB_OFFLINE=1, a model that is whole in the cache is used as it is.
 *
 * @param id such as `stabilityai/sd-turbo`
 * @throws HubError with a `reason`; CacheQuantError `invalid-argument`, `unsupported` (pickles alone), `storage`
 *   (no space, no right to write), `aborted`
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<CachedModel> {
  const settings = options.settings ?? (await hubSettings());
  const revision = checkRevision(options.revision ?? 'main');
  const connection: Connection = {
    settings,
    fetch: options.fetch ?? globalThis.fetch,
    signal: options.signal,
    attempts: options.attempts ?? 5,
    waitMs: options.waitMs ?? 1000,
  };
  const cache = new ModelCache(settings.cache, checkModelId(id));
  const cached = await fromCache(cache, id, revision, options);
  if (cached !== undefined && isCommit(revision)) return { ...cached, stale: false };
  if (settings.offline) return cached ?? notCached(cache, id, revision);
  try {
    return await onDisk(cache, () => fromHub(connection, cache, id, revision, options));
  } catch (error) {
    if (cached !== undefined && error instanceof HubError && error.reason === 'unreachable') return cached;
    throw error;
  }
}

async function fromHub(
  connection: Connection,
  cache: ModelCache,
  id: string,
  revision: string,
  options: DownloadOptions,
): Promise<CachedModel> {
  const at: Revision = await resolveRevision(connection, id, revision);
  const tree = (await cache.readTree(at.commit)) ?? (await listRepository(connection, id, at.commit));
  await cache.writeTree(at.commit, tree);
  const fetchFiles = async (files: readonly HubFile[], meter: ProgressMeter) => {
    for (const file of files) {
      const url = `${connection.settings.endpoint}/${id}/resolve/${at.commit}/${encodePath(file.path)}`;
      if (await cache.has(at.commit, file)) meter.skip(file.path, file.size);
      else {
        await downloadBlob(connection, cache, file, url, meter);
        await cache.link(at.commit, file);
      }
    }
  };
  const index = tree.find(({ path }) => path === INDEX);
  if (index !== undefined && options.files === undefined)
    await fetchFiles([index], new ProgressMeter(0, undefined));
  const chosen = await choose(cache, at.commit, tree, options);
  const files = chosen.paths.map((path) => tree.find((file) => file.path === path)!);
  await checkSpace(cache, files);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  await fetchFiles(files, new ProgressMeter(total, options.onProgress));
  if (!isCommit(revision)) await cache.setCommit(revision, at.commit);
  return describe(cache, id, at, chosen, false);
}

/** The model as the cache has it, where that is whole. */
async function fromCache(
  cache: ModelCache,
  id: string,
  revision: string,
  options: DownloadOptions,
): Promise<CachedModel | undefined> {
  const commit = isCommit(revision) ? revision : await cache.commitOf(revision);
  const tree = commit && ((await cache.readTree(commit)) ?? (await cache.listSnapshot(commit)));
  if (commit === undefined || !tree) return undefined;
  const index = tree.find(({ path }) => path === INDEX);
  if (index !== undefined && options.files === undefined && !(await cache.has(commit, index)))
    return undefined;
  const chosen = await choose(cache, commit, tree, options);
  for (const path of chosen.paths) {
    if (!(await cache.has(commit, tree.find((file) => file.path === path)!))) return undefined;
  }
  const license = await licenseOfCard(cache.snapshot(commit));
  return describe(cache, id, { commit, license }, chosen, true);
}

const INDEX = 'model_index.json';

async function choose(
  cache: ModelCache,
  commit: string,
  tree: readonly HubFile[],
  { files, variant }: DownloadOptions,
): Promise<ChosenFiles> {
  const paths = tree.map(({ path }) => path);
  if (files !== undefined) {
    const missing = files.find((path) => !paths.includes(path));
    return missing === undefined ? { paths: files, variant: undefined } : noSuchFile(missing, paths);
  }
  if (!paths.includes(INDEX)) return chooseFiles(paths, undefined, variant);
  const text = await readFile(join(cache.snapshot(commit), INDEX), 'utf8');
  return chooseFiles(paths, parseIndex(text), variant);
}

function parseIndex(text: string): Record<string, unknown> {
  try {
    const index: unknown = parseJson(text, INDEX);
    if (typeof index === 'object' && index !== null && !Array.isArray(index))
      return index as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new CacheQuantError('checkpoint-format', 'the index of the pipeline is not a JSON object', {
    where: INDEX,
    got: text.slice(0, 60),
  });
}

function describe(
  cache: ModelCache,
  id: string,
  { commit, license }: Revision,
  { paths, variant }: ChosenFiles,
  stale: boolean,
): CachedModel {
  return { id, commit, folder: cache.snapshot(commit), files: paths, variant, license, stale };
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function noSuchFile(file: string, paths: readonly string[]): never {
  throw new HubError('missing', 'there is no such file in the model', {
    where: `file '${file}'`,
    got: paths
      .filter((path) => path.includes('.safetensors'))
      .slice(0, 10)
      .join(', '),
  });
}

function notCached(cache: ModelCache, id: string, revision: string): never {
  throw new HubError('offline', 'the model is not whole in the cache, and downloads are switched off', {
    where: `model '${id}' at '${revision}'`,
    expected: `its files in ${cache.folder}`,
    hint: 'Run once with a connection, without HF_HUB_OFFLINE',
  });
}
