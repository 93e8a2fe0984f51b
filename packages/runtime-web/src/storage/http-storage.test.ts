import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryStorage, type Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProgressInfo } from '../progress.js';
import { browserStorageError } from './browser-storage-error.js';
import { httpStorage } from './http-storage.js';
import { createModelCache } from './model-cache.js';
import { PART_BYTES } from './part-store.js';

/** Two whole parts and a piece. */
const LARGE = Uint8Array.from({ length: 2 * PART_BYTES + 1000 }, (_, index) => index % 251);
const SMALL = new TextEncoder().encode('{"a": 1}');
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const FILES = {
  'unet/large.bin': { bytes: LARGE.byteLength, sha256: hash(LARGE) },
  'small.json': { bytes: SMALL.byteLength, sha256: hash(SMALL) },
};

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

let server: Server;
let url: string;
let requests: string[];
/** Answers in place of the server, for a test. */
let instead: Answer;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    if (instead(request, response)) return;
    const file = { '/unet/large.bin': LARGE, '/small.json': SMALL }[request.url ?? ''];
    if (file === undefined) return void response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'Content-Length': file.byteLength - start,
      ETag: hash(file),
      ...(start > 0 && { 'Content-Range': `bytes ${start}-${file.byteLength - 1}/${file.byteLength}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : file.subarray(start));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());
beforeEach(() => {
  requests = [];
  instead = () => false;
});

test('reads no more than a file should have from a server that does not stop', async () => {
  let sent = 0;
  const chunk = new Uint8Array(64 * 1024);
  instead = (request, response) => {
    if (request.method !== 'GET') return false;
    response.writeHead(200);
    const more = () => {
      if (sent >= 300 * 2 ** 20 || response.destroyed) return void response.end();
      sent += chunk.byteLength;
      response.write(chunk, more);
    };
    more();
    return true;
  };
  const storage = httpStorage(url, { files: { 'small.json': { bytes: 1000, sha256: hash(SMALL) } } });
  await expect(storage.read('small.json')).rejects.toThrow(
    /sends more than the file should have.*1000 bytes/,
  );
  // What lies in buffers between the two, and no more.
  expect(sent).toBeLessThan(32 * 2 ** 20);
});

/** Sends what comes up to a byte, then breaks the connection; once. */
function breakAt(end: number): Answer {
  let broken = false;
  return (request, response) => {
    if (broken || request.method !== 'GET') return false;
    broken = true;
    response.writeHead(200, { 'Content-Length': LARGE.byteLength });
    response.write(LARGE.subarray(0, end), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

describe('httpStorage', () => {
  test('reads whole files and ranges across parts, fetching each file once', async () => {
    const storage = httpStorage(url, { files: FILES });
    expect(await storage.stat('unet/large.bin')).toEqual({ size: LARGE.byteLength });
    expect(requests).toEqual([]);
    const [whole, across] = await Promise.all([
      storage.read('unet/large.bin'),
      storage.read('unet/large.bin', { offset: PART_BYTES - 2, length: PART_BYTES + 4 }),
    ]);
    expect(Buffer.compare(whole, LARGE)).toBe(0);
    expect(Buffer.compare(across, LARGE.subarray(PART_BYTES - 2, 2 * PART_BYTES + 2))).toBe(0);
    expect(requests).toEqual(['GET /unet/large.bin']);
    await expect(storage.read('small.json', { offset: 7, length: 2 })).rejects.toMatchObject({
      code: 'storage',
    });
  });

  test('knows the files it was told of, and no others', async () => {
    const storage = httpStorage(url, { files: FILES });
    expect(await storage.list()).toEqual(['small.json', 'unet/large.bin']);
    expect(await storage.list('unet')).toEqual(['unet/large.bin']);
    expect(await storage.stat('other.bin')).toBe(undefined);
    await expect(storage.read('other.bin')).rejects.toThrow(/no such file/);
    await expect(httpStorage(url).list()).rejects.toMatchObject({ code: 'unsupported' });
    for (const attempt of [storage.create('x'), storage.remove('x'), storage.read('../x')]) {
      await expect(attempt).rejects.toMatchObject({ code: 'storage' });
    }
  });

  test('asks a server for files that nobody told of', async () => {
    const storage = httpStorage(url.slice(0, -1));
    expect(await storage.find(['small.json', 'none.json'])).toEqual({ 'small.json': { bytes: 8 } });
    expect(await storage.stat('none.json')).toBe(undefined);
    expect(await storage.read('small.json')).toEqual(SMALL);
    expect(requests).toEqual(['HEAD /small.json', 'HEAD /none.json', 'GET /small.json']);
  });

  test('never takes a web page for a file', async () => {
    const storage = httpStorage(url, { files: FILES });
    instead = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html>');
      return true;
    };
    await expect(storage.read('small.json')).rejects.toThrow(/web page in place of the file/);
    expect(await httpStorage(url).stat('small.json')).toBe(undefined);
    instead = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end('\n<html lang="en">');
      return true;
    };
    await expect(storage.read('small.json')).rejects.toThrow(/web page in place of the file/);
    instead = () => false;
    expect(await storage.read('small.json')).toEqual(SMALL);
  });

  test('refuses a file that is not the expected one, and keeps nothing of it', async () => {
    const kept = memoryStorage();
    const cache = await createModelCache({ storage: kept });
    const files = { 'small.json': { bytes: SMALL.byteLength, sha256: hash(LARGE) } };
    await expect(httpStorage(url, { files, cache }).read('small.json')).rejects.toThrow(/expected SHA-256/);
    const long = { 'small.json': { bytes: 4, sha256: hash(SMALL) } };
    await expect(httpStorage(url, { files: long, cache }).read('small.json')).rejects.toThrow(
      /expected 4 bytes/,
    );
    expect(await kept.list()).toEqual([]);
  });

  test('goes on by itself after a broken connection', async () => {
    instead = breakAt(PART_BYTES + 5000);
    const storage = httpStorage(url, { files: FILES });
    expect(Buffer.compare(await storage.read('unet/large.bin'), LARGE)).toBe(0);
    expect(requests).toHaveLength(2);
    expect(requests[1]).toMatch(/^GET \/unet\/large\.bin bytes=\d+-$/);
  });

  test('goes on at the next visit where an interrupted one stopped', async () => {
    const cache = await createModelCache({ storage: memoryStorage() });
    const controller = new AbortController();
    const onProgress = (event: ProgressInfo) => {
      if (event.status === 'progress' && event.loaded > PART_BYTES) controller.abort();
    };
    const interrupted = httpStorage(url, { files: FILES, cache, onProgress, signal: controller.signal });
    await expect(interrupted.read('unet/large.bin')).rejects.toMatchObject({ code: 'aborted' });
    expect(await cache.list()).toEqual([]);
    requests = [];
    const again = httpStorage(url, { files: FILES, cache });
    expect(Buffer.compare(await again.read('unet/large.bin'), LARGE)).toBe(0);
    expect(requests).toEqual([`GET /unet/large.bin bytes=${PART_BYTES}-`]);
  });

  test('starts over where the server knows no ranges', async () => {
    const cache = await createModelCache({ storage: memoryStorage() });
    const { stores } = cache;
    const key = FILES['unet/large.bin'].sha256;
    await stores.of(key).writePart(key, 0, LARGE.subarray(0, PART_BYTES));
    instead = (_, response) => {
      response.writeHead(200, { 'Content-Length': LARGE.byteLength }).end(LARGE);
      return true;
    };
    const storage = httpStorage(url, { files: FILES, cache });
    expect(Buffer.compare(await storage.read('unet/large.bin'), LARGE)).toBe(0);
  });

  test('reports as transformers.js does, with all files in the total from the start', async () => {
    const events: ProgressInfo[] = [];
    const storage = httpStorage(url, { files: FILES, onProgress: (event) => events.push(event) });
    await storage.download(['small.json', 'unet/large.bin']);
    const of = (file: string) => events.flatMap((e) => ('file' in e && e.file === file ? [e.status] : []));
    expect([...new Set(of('small.json'))]).toEqual(['initiate', 'download', 'progress', 'done']);
    const totals = events.filter((event) => event.status === 'progress_total');
    const total = SMALL.byteLength + LARGE.byteLength;
    expect(totals[0]).toMatchObject({ name: url, loaded: 0, total, progress: 0 });
    expect(totals.at(-1)).toMatchObject({ loaded: total, total, progress: 100 });
    const loaded = totals.map((event) => event.loaded);
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  });
});

describe('createModelCache', () => {
  test('serves later visits, lists and deletes', async () => {
    const kept = memoryStorage();
    const first = httpStorage(url, { files: FILES, cache: await createModelCache({ storage: kept }) });
    await first.download(Object.keys(FILES));
    requests = [];
    const cache = await createModelCache({ storage: kept });
    const second = httpStorage(url, { files: FILES, cache });
    expect(Buffer.compare(await second.read('unet/large.bin'), LARGE)).toBe(0);
    expect(requests).toEqual([]);
    const listed = await cache.list();
    expect(listed.map(({ url: from, bytes }) => [from, bytes])).toEqual(
      expect.arrayContaining([[`${url}small.json`, 8]]),
    );
    await cache.delete(FILES['small.json'].sha256);
    expect((await cache.list()).map(({ key }) => key)).toEqual([FILES['unet/large.bin'].sha256]);
    await cache.clear();
    expect(await kept.list()).toEqual([]);
  });

  test('fetches a file without a hash again when the server has another version', async () => {
    const cache = await createModelCache({ storage: memoryStorage() });
    expect(await httpStorage(url, { cache }).read('small.json')).toEqual(SMALL);
    expect(await httpStorage(url, { cache }).read('small.json')).toEqual(SMALL);
    expect(requests.filter((request) => request.startsWith('GET'))).toHaveLength(1);
    const other = new TextEncoder().encode('{"a": 2}');
    instead = (request, response) => {
      response.writeHead(200, { ETag: 'other', 'Content-Length': 8 });
      response.end(request.method === 'HEAD' ? undefined : other);
      return true;
    };
    expect(await httpStorage(url, { cache }).read('small.json')).toEqual(other);
  });

  test.each([0, 1, 2])('goes on in memory with a warning when there is room for %s parts', async (parts) => {
    const kept = fullAfter(parts);
    const warnings: string[] = [];
    const cache = await createModelCache({ storage: kept, onWarning: (message) => warnings.push(message) });
    const storage = httpStorage(url, { files: FILES, cache });
    expect(Buffer.compare(await storage.read('unet/large.bin'), LARGE)).toBe(0);
    expect(warnings).toEqual([expect.stringContaining('no more space')]);
    expect(await kept.list()).toEqual([]);
    expect(await cache.list()).toHaveLength(1);
    await cache.clear();
    expect(await cache.list()).toEqual([]);
  });
});

/** A storage with room for so many files, and the browser's words when there is no more. */
function fullAfter(count: number): Storage {
  const storage = memoryStorage();
  return {
    ...storage,
    async create(path) {
      if ((await storage.list()).length < count) return storage.create(path);
      throw browserStorageError(new DOMException('full', 'QuotaExceededError'), 'create', path);
    },
  };
}
