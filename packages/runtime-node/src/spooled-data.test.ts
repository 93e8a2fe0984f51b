import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSource, type Tensor, tensor } from '@cachequant/tensor';
import { writeModel } from '@cachequant/tensor/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createNodeRuntime } from './node-runtime.js';
import { spoolData } from './spooled-data.js';

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachequant-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Bytes that count up, and how many were asked for at most at a time. */
function counting(size: number): ByteSource & { readonly largest: () => number } {
  let largest = 0;
  return {
    name: 'computed',
    size,
    largest: () => largest,
    async read(offset, length) {
      largest = Math.max(largest, length);
      return Uint8Array.from({ length }, (_, i) => (offset + i) % 251);
    },
  };
}

test('spoolData writes sources a piece at a time, and bytes as they are', async () => {
  const source = counting(20_000_000);
  const data = new Map<string, Uint8Array | ByteSource>([
    ['computed-0', source],
    ['other', Uint8Array.of(1, 2)],
  ]);
  const { folder, remove } = (await spoolData(data, place()))!;
  const written = readFileSync(join(folder, 'computed-0'));
  expect(written.byteLength).toBe(20_000_000);
  expect([0, 8_388_608, 19_999_999].every((at) => written[at] === at % 251)).toBe(true);
  expect(source.largest()).toBeLessThan(10_000_000);
  expect([...readFileSync(join(folder, 'other'))]).toEqual([1, 2]);
  await remove();
  expect(existsSync(folder)).toBe(false);
});

test('spoolData leaves nothing where a source fails, and refuses names that lead elsewhere', async () => {
  const folder = place();
  const failing: ByteSource = { name: 'x', size: 5, read: () => Promise.reject(new Error('damaged')) };
  await expect(spoolData(new Map([['x', failing]]), folder)).rejects.toThrow('damaged');
  for (const name of ['../x', '/x', 'a/b']) {
    await expect(spoolData(new Map([[name, Uint8Array.of(1)]]), folder)).rejects.toThrow();
  }
  expect(readdirSync(folder)).toEqual([]);
});

test('spoolData gives undefined where there is no room', async () => {
  const folder = place();
  const full: ByteSource = {
    name: 'x',
    size: 5,
    read: () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
  };
  expect(await spoolData(new Map([['x', full]]), folder)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

test('spoolData takes away what a process that was killed left a day ago, and nothing else', async () => {
  const folder = place();
  const old = new Date(Date.now() - 2 * 86_400_000);
  for (const name of ['cachequant-weights-old', 'cachequant-weights-new', 'thesis']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'x'), '');
    if (name !== 'cachequant-weights-new') utimesSync(join(folder, name), old, old);
  }
  await (await spoolData(new Map(), folder))!.remove();
  expect(readdirSync(folder).sort()).toEqual(['cachequant-weights-new', 'thesis']);
});

test('load takes external data from a source, and leaves no files', async () => {
  const temporary = place();
  vi.stubEnv('TMPDIR', temporary);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const bytes = writeModel({
    inputs: { x: { dtype: 'float32', dims: [1, 2] } },
    outputs: { y: { dtype: 'float32', dims: [1, 1] } },
    external: { factor: { dtype: 'float32', dims: [2, 1], location: 'computed-0' } },
    nodes: [{ op: 'MatMul', inputs: ['x', 'factor'], outputs: ['y'] }],
  });
  const weights = new Uint8Array(Float32Array.of(2, 3).buffer);
  const source: ByteSource = {
    name: 'computed',
    size: 8,
    read: async (offset, length) => weights.slice(offset, offset + length),
  };
  const runtime = await createNodeRuntime();
  const session = await runtime.load({ bytes, externalData: new Map([['computed-0', source]]) });
  // ONNX Runtime has files of its own there.
  const ours = () => readdirSync(temporary).filter((name) => name.startsWith('cachequant'));
  if (process.platform !== 'win32') expect(ours()).toEqual([]);
  const { y } = await session.run({ x: tensor('float32', [1, 2], Float32Array.of(10, 100)) });
  expect((y as Tensor).data).toEqual(Float32Array.of(320));
  await runtime.dispose();
  expect(ours()).toEqual([]);
});
