import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile as writeHostFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readText, writeFile } from '@cachequant/tensor';
import { describeStorage } from '@cachequant/tensor/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { FileWriter } from './file-writer.js';
import { nodeStorage } from './index.js';
import { storageError } from './storage-error.js';

const folder = await mkdtemp(join(tmpdir(), 'cachequant-test-'));
afterAll(() => rm(folder, { recursive: true }));
const emptyRoot = () => mkdtemp(join(folder, 'root-'));

describeStorage('nodeStorage', async () => nodeStorage(join(await emptyRoot(), 'made', 'later')), {
  describe,
  test,
  expect,
});

test('locate returns the absolute path', async () => {
  const root = await emptyRoot();
  expect(nodeStorage(root).locate?.('a/b.onnx')).toBe(join(root, 'a', 'b.onnx'));
  expect(() => nodeStorage(root).locate?.('../b')).toThrow(/inside the storage/);
});

test('create leaves no other file behind, committed or aborted', async () => {
  const root = await emptyRoot();
  const storage = nodeStorage(root);
  await writeFile(storage, 'x', 'abc');
  const writer = await storage.create('y');
  await writer.write(Uint8Array.of(1));
  await writer.abort();
  expect(await readdir(root)).toEqual(['x']);
});

test('list ignores unfinished files and removes those that were left behind', async () => {
  const root = await emptyRoot();
  const storage = nodeStorage(root);
  await writeFile(storage, 'x', 'abc');
  await storage.create('y');
  await storage.create('z');
  const [fresh, old] = (await readdir(root)).filter((name) => name !== 'x').sort();
  const twoHoursAgo = Date.now() / 1000 - 7200;
  await utimes(join(root, old!), twoHoursAgo, twoHoursAgo);
  expect(await storage.list()).toEqual(['x']);
  expect(await readdir(root)).toEqual(['x', fresh]);
});

test('links count as what they point to, at the root and inside, also in a circle', async () => {
  const root = await emptyRoot();
  const elsewhere = await emptyRoot();
  await writeHostFile(join(elsewhere, 'model.onnx'), 'model');
  await symlink(elsewhere, join(root, 'models'));
  await symlink(root, join(root, 'circle'));
  await symlink('/no/such/place', join(root, 'dangling'));
  const link = join(await emptyRoot(), 'link');
  await symlink(root, link);
  const storage = nodeStorage(link);
  expect(await storage.list()).toEqual(['models/model.onnx']);
  expect(await readText(storage, 'models/model.onnx')).toBe('model');
  await storage.remove('models');
  expect(await readdir(elsewhere)).toEqual(['model.onnx']);
});

test('nothing is written, locked or removed through a link, and nothing tidied up behind one', async () => {
  const root = await emptyRoot();
  const elsewhere = await emptyRoot();
  const unfinished = join(elsewhere, `x.0.cachequant-partial`);
  await writeHostFile(join(elsewhere, 'thesis.txt'), 'years of work');
  await writeHostFile(unfinished, 'old');
  await utimes(unfinished, 0, 0);
  await symlink(elsewhere, join(root, 'stages'));
  const storage = nodeStorage(root);
  expect(await storage.list()).toEqual(['stages/thesis.txt']);
  for (const changing of [
    () => storage.remove('stages/thesis.txt'),
    () => storage.create('stages/new'),
    () => storage.lock('stages/x'),
  ]) {
    await expect(changing()).rejects.toMatchObject({
      code: 'storage',
      where: expect.stringContaining('stages'),
    });
  }
  expect((await readdir(elsewhere)).sort()).toEqual(['thesis.txt', 'x.0.cachequant-partial']);
});

test('create replaces a link by a file, and leaves what it pointed to', async () => {
  const root = await emptyRoot();
  const elsewhere = join(await emptyRoot(), 'thesis.txt');
  await writeHostFile(elsewhere, 'years of work');
  await symlink(elsewhere, join(root, 'x'));
  await writeFile(nodeStorage(root), 'x', 'new');
  expect(await readFile(elsewhere, 'utf8')).toBe('years of work');
  expect(await readFile(join(root, 'x'), 'utf8')).toBe('new');
});

test('stat says when a link leads out of the storage, and takes a Hugging Face cache as one place', async () => {
  const cache = await emptyRoot();
  const snapshot = join(cache, 'snapshots', '0123');
  await mkdir(join(snapshot, 'unet'), { recursive: true });
  await mkdir(join(cache, 'blobs'));
  await writeHostFile(join(cache, 'blobs', 'abc'), 'model');
  await writeHostFile(join(cache, 'secret'), 'token');
  await symlink('../../../blobs/abc', join(snapshot, 'unet', 'model.onnx'));
  await symlink('unet/model.onnx', join(snapshot, 'again.onnx'));
  await symlink('../../secret', join(snapshot, 'config.json'));
  const storage = nodeStorage(snapshot);
  expect(await readText(storage, 'unet/model.onnx')).toBe('model');
  expect((await storage.stat('unet/model.onnx'))?.outside).toBeUndefined();
  expect((await storage.stat('again.onnx'))?.outside).toBeUndefined();
  expect((await storage.stat('config.json'))?.outside).toBe(true);
  // The same links in a folder that is no snapshot lead out of it.
  expect((await nodeStorage(join(snapshot, 'unet')).stat('model.onnx'))?.outside).toBe(true);
});

test('a lock ends with the process that holds it, also when that is killed and its file stays', async () => {
  const root = await emptyRoot();
  const storage = nodeStorage(root);
  const program = `
    const { openSync, writeSync } = require('node:fs');
    const file = openSync(process.argv[1], 'a+');
    console.log(require('fs-native-extensions').tryLock(file));
    writeSync(file, 'process of the test');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['-e', program, join(root, 'work.cachequant-lock')], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(printed.toString()).toBe('true\n');
  await expect(storage.lock('work')).rejects.toMatchObject({
    code: 'storage',
    message: expect.stringContaining('another run is using this folder'),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await readdir(root)).toEqual(['work.cachequant-lock']);
  const lock = await storage.lock('work');
  await expect(storage.lock('work')).rejects.toMatchObject({
    got: expect.stringContaining(`process ${process.pid}`),
  });
  await lock.release();
  expect(await readdir(root)).toEqual([]);
});

test('commit over a folder fails and leaves nothing behind', async () => {
  const root = await emptyRoot();
  await mkdir(join(root, 'x'));
  const writer = await nodeStorage(root).create('x');
  await writer.write(Uint8Array.of(1));
  await expect(writer.commit()).rejects.toMatchObject({ code: 'storage' });
  expect(await readdir(root)).toEqual(['x']);
});

test('read finds a range beyond 2 GiB', async () => {
  const root = await emptyRoot();
  const storage = nodeStorage(root);
  const handle = await open(join(root, 'sparse'), 'w');
  await handle.write(Uint8Array.of(7, 8), 0, 2, 2 ** 31 + 5);
  await handle.close();
  expect((await storage.stat('sparse'))?.size).toBe(2 ** 31 + 7);
  expect(await storage.read('sparse', { offset: 2 ** 31 + 4, length: 3 })).toEqual(Uint8Array.of(0, 7, 8));
});

test.each([
  ['ENOSPC', /no space left.*Free some space/],
  ['EACCES', /access denied.*right to read and write/],
  ['ENOENT', /no such file/],
  ['EIO', /refused.*EIO/],
])('an error %s of the file system becomes one that says what to do', (code, message) => {
  const error = storageError(Object.assign(new Error('failed'), { code }), 'write', '/x');
  expect(error.code).toBe('storage');
  expect(error.message).toMatch(message);
});

test('create below a file is refused', async () => {
  const storage = nodeStorage(await emptyRoot());
  await writeFile(storage, 'x', 'abc');
  await expect(storage.create('x/y')).rejects.toMatchObject({ code: 'storage' });
});

test('commit after a write that failed is refused, and abort removes what was written', async () => {
  const root = await emptyRoot();
  const temporary = join(root, 'x.partial');
  await writeHostFile(temporary, 'half');
  // Opened for reading only, so that the file system refuses to write.
  const writer = new FileWriter(await open(temporary, 'r'), temporary, join(root, 'x'));
  await expect(writer.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'storage', got: 'EBADF' });
  await expect(writer.commit()).rejects.toThrow(/earlier error/);
  await writer.abort();
  expect(await readdir(root)).toEqual([]);
});
