import { CacheQuantError } from '@cachequant/tensor';
import { listFiles, modelInfo } from '@huggingface/hub';
import { HubError } from './hub-error.js';
import { type Connection, hubFetch } from './hub-fetch.js';

/** A file of a model at a commit. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of files in large storage, else Git's SHA-1 of the blob; the file's name in the cache, too. */
  readonly hash: string;
  readonly sha256: boolean;
  /** Git's own hash, of the pointer for files in large storage. */
  readonly blobId: string;
}

export interface Revision {
  readonly commit: string;
  /** As the model's card says it, such as `openrail++`. */
  readonly license: string | undefined;
}

/** Which commit a branch or tag stands for now. */
export async function resolveRevision(
  connection: Connection,
  id: string,
  revision: string,
): Promise<Revision> {
  const about = `model '${id}' at '${revision}'`;
  const info = await understood(about, () =>
    modelInfo({
      name: id,
      revision,
      additionalFields: ['sha', 'tags', 'cardData'],
      ...libraryOptions(connection, about),
    }),
  );
  if (!/^[0-9a-f]{40}$/.test(info.sha)) unexpected(about, `commit ${JSON.stringify(info.sha)}`);
  const tag = info.tags?.find((name) => name.startsWith('license:'))?.slice('license:'.length);
  const card = (info.cardData as { license?: unknown } | undefined)?.license;
  return { commit: info.sha, license: tag ?? (typeof card === 'string' ? card : undefined) };
}

/** All files of a model at a commit. */
export async function listRepository(connection: Connection, id: string, commit: string): Promise<HubFile[]> {
  const about = `files of '${id}'`;
  return understood(about, () => collectFiles(connection, id, commit, about));
}

async function collectFiles(
  connection: Connection,
  id: string,
  commit: string,
  about: string,
): Promise<HubFile[]> {
  const files: HubFile[] = [];
  const entries = listFiles({
    repo: { type: 'model', name: id },
    recursive: true,
    revision: commit,
    ...libraryOptions(connection, about),
  });
  for await (const { type, path, size, oid, lfs } of entries) {
    if (type !== 'file') continue;
    const hash = lfs?.oid ?? oid;
    if (!isSafePath(path)) unexpected(about, `path ${JSON.stringify(path)}`);
    if (hash === undefined || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash))
      unexpected(about, `hash ${hash} of ${path}`);
    files.push({ path, size: lfs?.size ?? size, hash, sha256: lfs !== undefined, blobId: oid ?? hash });
  }
  return files;
}

/** Whether a path stays within the folder that it is joined to, on any system. */
export function isSafePath(path: string): boolean {
  return (
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !/[\\\0:]/.test(path)
  );
}

/** What the library cannot make sense of: a page of a hotel's network, or half an answer. */
async function understood<T>(about: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (CacheQuantError.is(error)) throw error;
    return unexpected(about, String(error), error);
  }
}

function libraryOptions(connection: Connection, about: string) {
  return {
    hubUrl: connection.settings.endpoint,
    // Asks again where that helps, and throws our errors before the library makes its own.
    fetch: ((url: string, init?: RequestInit) => hubFetch(connection, about, url, init)) as typeof fetch,
  };
}

function unexpected(where: string, got: string, cause?: unknown): never {
  throw new HubError('server', 'the Hub answered with something unexpected', {
    where,
    got,
    hint: 'Check HF_ENDPOINT, and whether the network wants a login first',
    cause,
  });
}
