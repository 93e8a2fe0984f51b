import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { throwIfAborted } from '@cachequant/tensor';
import { lock } from 'proper-lockfile';
import type { ModelCache } from './cache.js';
import { HubError } from './hub-error.js';
import { type Connection, hubFetch, pause, unreachable } from './hub-fetch.js';
import type { ProgressMeter } from './progress.js';
import type { HubFile } from './repository-files.js';

/** A lock whose holder has not renewed it for so long is from a process that was killed. */
const STALE_LOCK_MS = 5_000;
const LOCK_RETRIES = { retries: 100_000, minTimeout: 500, maxTimeout: 2_000 };

/**
 * Fetches a file into the cache's blobs, from where an earlier try ended, and checks its size and hash.
 * Another process that fetches the same file is waited for.
 *
 * @param url from where
 * @throws HubError `damaged` when what came is not what the Hub lists; what was kept of it is thrown away
 */
export async function downloadBlob(
  connection: Connection,
  cache: ModelCache,
  file: HubFile,
  url: string,
  meter: ProgressMeter,
): Promise<void> {
  const blob = cache.blob(file.hash);
  if (await isWhole(blob, file.size)) return meter.skip(file.path, file.size);
  await mkdir(dirname(blob), { recursive: true });
  const partial = `${blob}.incomplete`;
  const release = await lock(partial, {
    realpath: false,
    stale: STALE_LOCK_MS,
    retries: LOCK_RETRIES,
    // A process that could not renew its lock in time goes on: what two write at once has another hash, and is refused.
    onCompromised: () => {},
  });
  try {
    if (await isWhole(blob, file.size)) return meter.skip(file.path, file.size);
    await fetchRest(connection, partial, file, url, meter);
    await rename(partial, blob);
  } finally {
    await release().catch(() => undefined);
  }
}

async function isWhole(path: string, size: number): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.size === size;
}

async function fetchRest(
  connection: Connection,
  partial: string,
  file: HubFile,
  url: string,
  meter: ProgressMeter,
): Promise<void> {
  const handle = await open(partial, 'a+');
  try {
    const target = new HashedFile(handle, partial, file);
    meter.skip(file.path, await target.resume());
    let failures = 0;
    while (target.size < file.size) {
      const before = target.size;
      try {
        await fetchOnce(connection, target, file, url, meter);
      } catch (error) {
        if (!(error instanceof CutOff)) throw error;
        // Connections are cut now and then; as long as something comes, it goes on.
        failures = target.size > before ? 0 : failures + 1;
        if (failures >= connection.attempts) throw unreachable(`file '${file.path}'`, error.cause);
        await pause(connection.waitMs * 2 ** failures, connection.signal);
      }
    }
    await target.check();
    await handle.sync();
  } catch (error) {
    if (error instanceof HubError && error.reason === 'damaged') await rm(partial, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function fetchOnce(
  connection: Connection,
  target: HashedFile,
  file: HubFile,
  url: string,
  meter: ProgressMeter,
): Promise<void> {
  const headers: Record<string, string> = target.size > 0 ? { range: `bytes=${target.size}-` } : {};
  // Compressed, the bytes would not be counted as the Hub counts them.
  headers['accept-encoding'] = 'identity';
  const response = await hubFetch(connection, `file '${file.path}'`, url, { headers });
  if (target.size > 0 && !continues(response, target.size)) {
    meter.skip(file.path, -target.size);
    await target.restart();
  }
  if (response.body === null) throw new CutOff(new Error('an empty answer'));
  const body = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await body.read().catch((cause: unknown) => {
        throwIfAborted(connection.signal);
        throw new CutOff(cause);
      });
      if (done) break;
      await target.append(value);
      meter.add(file.path, value.byteLength);
    }
  } finally {
    await body.cancel().catch(() => undefined);
  }
  if (target.size < file.size)
    throw unreachable(`file '${file.path}'`, new Error('the connection ended early'));
}

/** An answer that began and did not end. */
class CutOff extends Error {
  constructor(cause: unknown) {
    super('the answer was cut off', { cause });
  }
}

/** Whether an answer goes on where the file ends; a server may also send everything again. */
function continues(response: Response, size: number): boolean {
  return (
    response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${size}-`) === true
  );
}

/** A file that grows, with the hash of what is in it. */
class HashedFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #file: HubFile;
  #hash: Hash;
  size = 0;

  constructor(handle: FileHandle, path: string, file: HubFile) {
    this.#handle = handle;
    this.#path = path;
    this.#file = file;
    this.#hash = newHash(file);
  }

  /** Takes in what an earlier try left. @returns its bytes */
  async resume(): Promise<number> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) await this.restart();
    else if (size > 0) {
      for await (const chunk of createReadStream(this.#path)) this.#hash.update(chunk as Uint8Array);
      this.size = size;
    }
    return this.size;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = newHash(this.#file);
    this.size = 0;
  }

  async append(chunk: Uint8Array): Promise<void> {
    if (this.size + chunk.byteLength > this.#file.size) {
      damaged(this.#file, `${this.#file.size} bytes`, 'more');
    }
    await this.#handle.appendFile(chunk);
    this.#hash.update(chunk);
    this.size += chunk.byteLength;
  }

  async check(): Promise<void> {
    const hash = this.#hash.digest('hex');
    if (hash !== this.#file.hash) damaged(this.#file, this.#file.hash, hash);
  }
}

/** SHA-256 of the content, or Git's hash of a blob: SHA-1 with the size before the content. */
function newHash(file: HubFile): Hash {
  return file.sha256 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);
}

function damaged(file: HubFile, expected: string, got: string): never {
  throw new HubError('damaged', 'what came is not the file that the Hub lists', {
    where: `file '${file.path}'`,
    expected,
    got,
    hint: 'Nothing of it was kept: run the same command again. A proxy or mirror in between may change files',
  });
}
