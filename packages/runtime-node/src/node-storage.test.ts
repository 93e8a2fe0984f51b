import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  symlink,
  utimes,
  writeFile as writeHostFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  expect(await storage.stat('sparse')).toEqual({ size: 2 ** 31 + 7 });
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
