import {
  CacheQuantError,
  checkStoragePath,
  checkStoragePrefix,
  checkStorageRange,
  memoryStorage,
  type Storage,
} from '@cachequant/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { type ProgressCallback, ProgressReporter } from '../progress.js';
import { type FileFacts, findFile } from '../request-file.js';
import { missingFile, readOnly } from './browser-storage-error.js';
import { downloadFile } from './download-file.js';
import { createModelCache, type ModelCache } from './model-cache.js';
import type { PartStore, StoredFile } from './part-store.js';

/** What is known of a file before it is fetched. */
export interface KnownFile {
  readonly bytes?: number;
  /** In hexadecimal. */
  readonly sha256?: string;
}

/** What is known of the files in advance, where they are kept, and who hears of the progress. */
export interface HttpStorageOptions {
  /**
   * The files there are, by path. Without them a server cannot say what it has: `list` is refused, and each file is
   * asked for.
   */
  readonly files?: Readonly<Record<string, KnownFile>>;
  /** Where downloads are kept; in memory when left out. */
  readonly cache?: ModelCache;
  readonly onProgress?: ProgressCallback;
  readonly signal?: AbortSignal;
}

/** The files under an address, read with range requests and kept in a cache. */
export interface HttpStorage extends Storage {
  /** With a slash at its end. */
  readonly url: string;
  readonly progress: ProgressReporter;
  /** Says what files there are; those that were fetched before are not fetched again. */
  declare(files: Readonly<Record<string, KnownFile>>): void;
  /** Asks which of these files there are, and how large they are. */
  find(paths: readonly string[]): Promise<Record<string, KnownFile>>;
  /** Fetches files before they are read, so that progress counts all of them from the start. */
  download(paths: readonly string[]): Promise<void>;
}

/**
 * A folder on a web server, to be read only. A file is downloaded as a whole when it is first read, checked against its
 * size and hash where they are known, and kept in the cache.
 *
 * @param url of the folder; relative ones are taken from the page's
 */
export function httpStorage(url: string | URL, options: HttpStorageOptions = {}): HttpStorage {
  const folder = new URL(url, globalThis.location?.href);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const base = folder.href;
  const { signal } = options;
  const progress = new ProgressReporter(base, options.onProgress);
  const cache = options.cache ?? createModelCache({ storage: memoryStorage() });
  const opened = new Map<string, Promise<OpenFile | undefined>>();
  const found = new Map<string, Promise<FileFacts | undefined>>();
  let files = options.files;

  // A name such as `constructor` is that of a file only where it is listed.
  const knownFile = (path: string) => (files && Object.hasOwn(files, path) ? files[path] : undefined);
  const addressOf = (path: string) => new URL(path.split('/').map(encodeURIComponent).join('/'), base).href;

  const find = (path: string): Promise<FileFacts | undefined> => {
    const before = found.get(path);
    if (before !== undefined) return before;
    const finding = findFile(addressOf(path), signal);
    found.set(path, finding);
    finding.catch(() => found.delete(path));
    return finding;
  };

  const open = (path: string): Promise<OpenFile | undefined> => {
    checkStoragePath(path);
    const before = opened.get(path);
    if (before !== undefined) return before;
    const opening = fetchFile(path);
    opened.set(path, opening);
    // What failed may be tried again.
    opening.catch(() => opened.delete(path));
    return opening;
  };

  const fetchFile = async (path: string): Promise<OpenFile | undefined> => {
    const known = knownFile(path);
    if (files !== undefined && known === undefined) return undefined;
    const { stores } = await cache;
    const facts = known?.sha256 === undefined ? await find(path) : undefined;
    const key = known?.sha256 ?? (facts && keyOf(addressOf(path), facts));
    if (key === undefined) return undefined;
    progress.initiate(path);
    const before = await stores.of(key).entry(key);
    if (before !== undefined) progress.progress(path, before.bytes, before.bytes);
    const file = { url: addressOf(path), key, bytes: known?.bytes, sha256: known?.sha256 };
    const entry = before ?? (await download(path, file));
    progress.done(path);
    return { store: stores.of(key), entry };
  };

  const download = async (path: string, file: Parameters<typeof downloadFile>[0]): Promise<StoredFile> => {
    progress.download(path);
    const { stores } = await cache;
    const onProgress = (loaded: number, total: number | undefined) => progress.progress(path, loaded, total);
    return downloadFile(file, { stores, signal, onProgress });
  };

  return {
    url: base,
    progress,
    declare(known) {
      files = known;
    },

    async find(paths) {
      const facts = await Promise.all(
        paths.map(async (path) => [path, await find(checkStoragePath(path))] as const),
      );
      return Object.fromEntries(
        facts.flatMap(([path, file]) => (file ? [[path, sizeOf(file)] as const] : [])),
      );
    },

    async download(paths) {
      progress.expect(paths.map((path) => [path, knownFile(path)?.bytes ?? 0] as const));
      for (const path of paths)
        if ((await open(path)) === undefined) throw missingFile('download', base + path);
    },

    async stat(path) {
      const known = knownFile(checkStoragePath(path));
      if (known?.bytes !== undefined) return { size: known.bytes };
      const file = await open(path);
      return file && { size: file.entry.bytes };
    },

    async read(path, range) {
      const file = await open(path);
      if (file === undefined) throw missingFile('read', base + path);
      const { offset, length } = checkStorageRange(path, file.entry.bytes, range);
      return file.store.read(file.entry, offset, length);
    },

    async create(path) {
      throw readOnly('create', base + checkStoragePath(path));
    },

    async list(prefix = '') {
      const inside = checkStoragePrefix(prefix);
      if (files === undefined) throw unlisted(base);
      return Object.keys(files)
        .filter((path) => inside === '' || path === inside || path.startsWith(`${inside}/`))
        .sort();
    },

    async remove(path) {
      throw readOnly('remove', base + checkStoragePath(path));
    },

    async lock(path) {
      throw readOnly('lock', base + checkStoragePath(path));
    },
  };
}

function sizeOf({ totalBytes }: FileFacts): KnownFile {
  return totalBytes === undefined ? {} : { bytes: totalBytes };
}

interface OpenFile {
  readonly store: PartStore;
  readonly entry: StoredFile;
}

/**
 * A key for a file whose hash nobody says: it changes with the version that the server gives, so that an old copy is
 * not taken for a new one.
 */
function keyOf(address: string, { version = String(Date.now()), totalBytes }: FileFacts): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify([address, version, totalBytes ?? null]))));
}

function unlisted(where: string): CacheQuantError {
  return new CacheQuantError('unsupported', 'a web server does not say what files it has', {
    where,
    hint: 'Give the paths in `files`; a bundle’s manifest has them',
  });
}
