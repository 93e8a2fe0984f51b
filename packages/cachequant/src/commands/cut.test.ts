import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { MersenneTwister, type Runtime, readTensor, type Tensor, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';
import { fusedModel } from '../__fixtures__/fused-model.js';

const MODEL = 'models/tiny/ddpm-unet/model.onnx';

describe('cut', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
  });
  afterAll(() => runtime.dispose());

  // Loading takes longer than running, and most of it is the runtime's own optimization.
  async function runGraph(path: string, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const session = await runtime.load({ path }, { optimization: 'disabled' });
    try {
      const outputs = await session.run(feeds);
      const read = Object.entries(outputs).map(
        async ([name, value]) => [name, await readTensor(value)] as const,
      );
      return Object.fromEntries(await Promise.all(read));
    } finally {
      await session.dispose();
    }
  }

  test('full.onnx then cached.onnx at the same inputs give what the model gives', async () => {
    const out = join(temporaryFolder(), 'cut');
    const { exitCode } = await cachequant(['cut', MODEL, '--out', out, '--cut', 'up-concat-3']);
    expect(exitCode).toBe(0);
    const feeds = {
      sample: noise([1, 3, 16, 16], 1),
      timestep: tensor('int64', [], BigInt64Array.of(500n)),
    };
    const original = await runGraph(inRepository(MODEL), feeds);
    const full = await runGraph(join(out, 'full.onnx'), feeds);
    const cached = await runGraph(join(out, 'cached.onnx'), {
      ...feeds,
      cached_features: full.cached_features!,
    });
    expect(largestDifference(full.out_sample!, original.out_sample!)).toBeLessThan(1e-5);
    expect(largestDifference(cached.out_sample!, original.out_sample!)).toBeLessThan(1e-5);
  });

  test('weights are written once for both graphs', async () => {
    const out = join(temporaryFolder(), 'cut');
    const { stdout } = await cachequant(['cut', MODEL, '--out', out, '--json']);
    const report = JSON.parse(stdout) as {
      weightBytes: number;
      cacheName: string;
      cached: { inputs: { name: string }[] };
    };
    expect(readdirSync(out).sort()).toEqual(['cached.onnx', 'full.onnx', 'weights.bin']);
    expect(readFileSync(join(out, 'weights.bin')).byteLength).toBe(report.weightBytes);
    expect(report.cached.inputs.map(({ name }) => name)).toContain(report.cacheName);
    const total = readdirSync(out).reduce((sum, name) => sum + readFileSync(join(out, name)).byteLength, 0);
    // Graphs and small constants are in both files.
    expect(total).toBeLessThan(1.5 * readFileSync(inRepository(MODEL)).byteLength);
  });

  test('says what to feed', async () => {
    const { stdout } = await cachequant(['cut', MODEL, '--out', join(temporaryFolder(), 'cut')]);
    expect(stdout).toMatch(/feed\s+cached_features\s+float32/);
    expect(stdout).toContain('At a refresh, run full.onnx and keep cached_features.');
  });
});

describe('cut leaves nothing behind when it fails', () => {
  test('an unknown cut names those that there are', async () => {
    const out = join(temporaryFolder(), 'cut');
    const { exitCode, stderr } = await cachequant(['cut', MODEL, '--out', out, '--cut', 'middle']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('expected one of up-concat-1, up-concat-2');
    expect(existsSync(out)).toBe(false);
  });

  test('a graph without a place to cut', async () => {
    const { exitCode, stderr } = await cachequant([
      'cut',
      'models/fashion-sd/vae_decoder/model.onnx',
      '--out',
      join(temporaryFolder(), 'cut'),
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the graph has no place to cut');
  });

  test('a graph with the operators of a graphics card, which it names', async () => {
    const out = join(temporaryFolder(), 'cut');
    const { exitCode, stderr } = await cachequant(['cut', await fusedModel(), '--out', out]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /no place to cut .*\d+ NhwcConv.*\d+ SkipGroupNorm.*export it again without optimizations/,
    );
    expect(existsSync(out)).toBe(false);
  });

  test.skipIf(!existsSync('/proc/self'))('a folder of a read-only file system', async () => {
    const { exitCode, stderr } = await cachequant(['cut', MODEL, '--out', '/proc/self/cut']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('--out /proc/self/cut: the folder cannot be written');
  });

  test('a folder that cannot be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const { exitCode, stderr } = await cachequant(['cut', MODEL, '--out', join(file, 'below')]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('there is a file where a folder is needed');
  });

  test("the model's own folder", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model/model.onnx'), readFileSync(inRepository(MODEL)));
    const { exitCode, stderr } = await cachequant(['cut', 'model/model.onnx', '--out', 'model'], {
      cwd: folder,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the model itself lies there');
    expect(readdirSync(join(folder, 'model'))).toEqual(['model.onnx']);
  });

  test.each<[string, 'write' | 'sync', number]>([
    ['the first bytes', 'write', 0],
    ['the weights', 'write', 1_000_000],
    ['the last file, when it is flushed', 'sync', 2],
  ])('a disk that is full at %s, in a folder with an earlier cut, which stays', async (_, at, after) => {
    const out = join(temporaryFolder(), 'cut');
    await cachequant(['cut', MODEL, '--out', out, '--cut', 'up-concat-3']);
    const contents = () => readdirSync(out).map((name) => [name, hashOf(join(out, name))]);
    const before = contents();
    const full = await fullDisk(at, after);
    const { exitCode, stderr } = await cachequant(['cut', MODEL, '--out', out, '--cut', 'up-concat-1']);
    expect(full()).toBe(true);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/no space left on the disk.*nothing was changed/s);
    expect(contents()).toEqual(before);
  });

  test('a stop on request', async () => {
    const out = join(temporaryFolder(), 'cut');
    const { exitCode } = await cachequant(['cut', MODEL, '--out', out], { signal: AbortSignal.abort() });
    expect(exitCode).toBe(130);
    expect(existsSync(out)).toBe(false);
  });
});

function noise(dims: readonly number[], seed: number): Tensor<'float32'> {
  const generator = new MersenneTwister(seed);
  const made = tensor('float32', dims);
  return { ...made, data: made.data.map(() => generator.nextUint32() / 2 ** 31 - 1) };
}

function largestDifference(a: Tensor, b: Tensor): number {
  expect(a.dims).toEqual(b.dims);
  return (a.data as Float32Array).reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (b.data as Float32Array)[at]!)),
    0,
  );
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/**
 * Lets files take no more, from so many bytes or flushes on, until the end of the test.
 * @returns whether that has come about
 */
async function fullDisk(at: 'write' | 'sync', after: number): Promise<() => boolean> {
  const handle = await open(inRepository('package.json'));
  const files = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const real = files[at] as (...args: unknown[]) => Promise<{ bytesWritten: number } | undefined>;
  let done = 0;
  let isFull = false;
  const spy = vi.spyOn(files, at).mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    if (done >= after) {
      isFull = true;
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    const result = await real.apply(this, args);
    done += result?.bytesWritten ?? 1;
    return result as never;
  } as never);
  onTestFinished(() => spy.mockRestore());
  return () => isFull;
}
