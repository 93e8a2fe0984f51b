import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/command-line.js';
import { cacheFolder, openHashCache } from './hash-cache.js';

const SMALL = { leastBytes: 1, settledAfterMs: 0 };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A file in a folder, and a run that asks for its hash. */
function setUp(options: Parameters<typeof openHashCache>[1] = SMALL) {
  const folder = temporaryFolder();
  const [cache, model] = [join(folder, 'cache'), join(folder, 'model')];
  mkdirSync(model);
  const write = (content: string, name = 'weights') => writeFileSync(join(model, name), content);
  write('first');
  const run = async (name = 'weights') => {
    const hashes = await openHashCache(cache, options);
    const storage = nodeStorage(model);
    let computed = 0;
    const hash = await hashes.hash(storage, name, () => {
      computed += 1;
      return storage.hash!(name);
    });
    await hashes.save();
    return { hash, computed };
  };
  return { file: join(model, 'weights'), entries: join(cache, 'hashes.json'), write, run };
}

describe('openHashCache', () => {
  test('hashes a file once, and gives the same to every later run', async () => {
    const { run } = setUp();
    expect(await run()).toEqual({ hash: sha256('first'), computed: 1 });
    expect(await run()).toEqual({ hash: sha256('first'), computed: 0 });
  });

  test('hashes again what was written since, of the same size and with its time put back', async () => {
    const { run, write, file } = setUp();
    await run();
    const { atime, mtime } = statSync(file);
    write('fresh');
    utimesSync(file, atime, mtime);
    expect(await run()).toEqual({ hash: sha256('fresh'), computed: 1 });
  });

  test('hashes again another file that was moved to its place', async () => {
    const { run, write, file } = setUp();
    await run();
    write('other', 'beside');
    renameSync(file.replace('weights', 'beside'), file);
    expect((await run()).hash).toBe(sha256('other'));
  });

  test('trusts no file that was written a moment ago, and keeps none that is small', async () => {
    const moment = setUp({ leastBytes: 1 });
    await moment.run();
    expect((await moment.run()).computed).toBe(1);
    const small = setUp({ settledAfterMs: 0 });
    await small.run();
    expect(existsSync(small.entries)).toBe(false);
  });

  test('keeps as many as it may, the last that were asked for', async () => {
    const { run, write, entries } = setUp({ ...SMALL, mostEntries: 2 });
    for (const name of ['a', 'b', 'c']) {
      write(name, name);
      await run(name);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const kept = Object.keys(JSON.parse(readFileSync(entries, 'utf8')));
    expect(kept.map((place) => place.at(-1))).toEqual(['c', 'b']);
  });

  test.each(['', '{', '[]', '{"x":{"version":1}}', '[[[['])(
    'takes a cache of %j for none',
    async (content) => {
      const { run, entries } = setUp();
      await run();
      writeFileSync(entries, content);
      expect(await run()).toEqual({ hash: sha256('first'), computed: 1 });
      expect((await run()).computed).toBe(0);
    },
  );

  test('does without a folder that cannot be written', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'x');
    const hashes = await openHashCache(join(folder, 'file/cache'), SMALL);
    expect(await hashes.hash(nodeStorage(folder), 'file', async () => 'h')).toBe('h');
    await expect(hashes.save()).resolves.toBeUndefined();
  });
});

test('cacheFolder follows the customs of each system', () => {
  expect(cacheFolder({ HOME: '/h' }, 'linux')).toBe(join('/h', '.cache', 'cachequant'));
  expect(cacheFolder({ HOME: '/h' }, 'darwin')).toBe(join('/h', 'Library', 'Caches', 'cachequant'));
  expect(cacheFolder({ LOCALAPPDATA: '/l' }, 'win32')).toBe(join('/l', 'cachequant', 'Cache'));
  expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/x' }, 'linux')).toBe(join('/x', 'cachequant'));
});
