import { describe, expect, it, test } from 'vitest';
import { openSource } from './byte-source.js';
import { refuseLfsPointer } from './lfs-pointer.js';
import { memoryStorage } from './memory-storage.js';
import { parseJson } from './parse-json.js';
import { writeFile } from './storage.js';

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 3438167536\n`;

describe('parseJson(text, where)', () => {
  it('parses what JSON.parse does', () => {
    const value = { a: [1, 'x [ { \\" ]', null, { b: '\\' }], '[': true };
    expect(parseJson(JSON.stringify(value), 'f')).toEqual(value);
    expect(parseJson('3', 'f')).toBe(3);
  });

  it.each([
    ['lists', '['.repeat(101)],
    ['lists that are closed', '['.repeat(101) + ']'.repeat(101)],
    ['objects', '{"a":'.repeat(101)],
    ['a hundred megabytes of brackets', '['.repeat(1e8)],
  ])('refuses deep nesting of %s before it parses', (_, text) => {
    expect(() => parseJson(text, 'f')).toThrow(/^f: the JSON is nested too deep/);
  });

  it('revives values as JSON.parse does', () => {
    expect(parseJson('{"a":[1]}', 'f', (_, value) => (value === 1 ? 2 : value))).toEqual({ a: [2] });
  });

  it('takes a hundred levels, and brackets in strings', () => {
    const deep = '['.repeat(100) + ']'.repeat(100);
    expect(parseJson(deep, 'f')).toEqual(JSON.parse(deep));
    expect(parseJson(JSON.stringify('['.repeat(1000)), 'f')).toBe('['.repeat(1000));
  });

  it('refuses more lists than any file of ours has', () => {
    expect(() => parseJson(`[${'[],'.repeat(4e6)}[]]`, 'f')).toThrow(/too many parts/);
  });

  it.each(['', '{', 'nul', '"', '"\\', '{"a":}'])('says that %j is not JSON', (text) => {
    expect(() => parseJson(text, 'f')).toThrow(
      expect.objectContaining({ code: 'invalid-argument', where: 'f' }),
    );
  });

  it('calls a Git LFS pointer one', () => {
    expect(() => parseJson(POINTER, 'f')).toThrow(/^f: this is a Git LFS pointer/);
  });
});

describe('refuseLfsPointer(storage, path)', () => {
  it('throws for a pointer alone', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'pointer', POINTER);
    await writeFile(storage, 'text', 'version 1');
    await writeFile(storage, 'large', POINTER.padEnd(2000));
    await expect(refuseLfsPointer(storage, 'pointer')).rejects.toMatchObject({ code: 'storage' });
    for (const path of ['text', 'large', 'none']) await refuseLfsPointer(storage, path);
  });
});

test('openSource(storage, path) refuses a pointer in the place of weights, and takes files as small as one', async () => {
  const storage = memoryStorage();
  await writeFile(storage, 'model.onnx_data', POINTER);
  await writeFile(storage, 'small', 'weights');
  await expect(openSource(storage, 'model.onnx_data')).rejects.toThrow(
    /model.onnx_data: this is a Git LFS pointer/,
  );
  expect((await openSource(storage, 'small')).size).toBe(7);
});
