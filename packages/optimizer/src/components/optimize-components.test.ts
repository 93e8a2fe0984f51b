import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBundleGenerator,
  initialNoise,
  loadGraph,
  openBundle,
  openModelFolder,
} from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage, tensor, writeFile } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { openCalibrationContext } from '../prepare/open-calibration-context.js';
import type * as Measuring from './measure-component.js';
import { optimizeComponents } from './optimize-components.js';

/** What the clock of an idle machine says of these parts; bytes and quality stay the measured ones. */
const IDLE = { integers: { ms: 5, sourceMs: 10 }, 'stored as integers': { ms: 10, sourceMs: 10 } };

// On a busy machine either graph may be the slower one, and the form with it another.
vi.mock('./measure-component.js', async (original) => {
  const measuring = await original<typeof Measuring>();
  return {
    ...measuring,
    measureComponent: async (...args: Parameters<typeof Measuring.measureComponent>) => {
      const attempt = await measuring.measureComponent(...args);
      expect(Math.min(attempt.ms, attempt.sourceMs)).toBeGreaterThan(0);
      return { ...attempt, ...IDLE[attempt.form as keyof typeof IDLE] };
    },
  };
});

describe('a bundle whose parts were optimized', () => {
  let made: OptimizedModel;
  beforeAll(async () => {
    made = await optimizedModel();
  }, 180_000);
  afterAll(() => made.dispose());

  it('says what became of each part, with the bytes that are there', async () => {
    const { manifest } = await openBundle(made.out);
    expect(manifest.components.map(({ name, form }) => [name, form])).toEqual([
      ['vae_decoder', 'stored as integers'],
      ['text_encoder', 'stored as integers'],
    ]);
    // One image calibrates the decoder here, and its integers miss the floor, however fast they are.
    expect(manifest.components[0]!.reason).toMatch(/integers: .* dB, less than 45/);
    for (const { name, bytes, sourceBytes, reason } of manifest.components) {
      expect(reason).toMatch(/dB, [\d.]+ ms against 10\.0 ms/);
      const files = Object.entries(manifest.files).filter(([file]) => file.startsWith(`${name}/`));
      const graphs = files.filter(([file]) => !file.endsWith('.json'));
      expect(graphs.reduce((sum, [, file]) => sum + file.bytes, 0)).toBe(bytes);
      expect(bytes).toBeLessThan(0.4 * sourceBytes);
    }
    expect(JSON.parse(await readText(made.out, 'plan.json')).components).toHaveLength(2);
  });

  it('makes the pictures that its verification measured', async () => {
    const generator = await createBundleGenerator({ storage: made.out, runtime: made.runtime });
    const [{ prompt, seed, optimized }] = made.summary.pictures as [(typeof made.summary.pictures)[0]];
    const { images } = await generator.generate({ prompt, seed });
    const { width, height, rgb } = images[0]!;
    expect({ width, height, rgb }).toEqual(optimized);
    await generator.dispose();
  });
});

describe('optimizeComponents', () => {
  let runtime: Runtime;
  let folder: string;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
    folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
  });
  afterAll(async () => {
    await runtime.dispose();
    await rm(folder, { recursive: true });
  });

  async function copy(name: string): Promise<Storage> {
    const source = nodeStorage(join(folder, name));
    const model = modelStorage('fashion-sd');
    for (const path of await model.list()) await writeFile(source, path, await model.read(path));
    return source;
  }

  /** @param parts the folder whose parts are optimized; left out: that of the model */
  async function decide(name: string, options: object, parts?: Storage) {
    const source = await copy(join(name, 'model'));
    const request = { source, work: nodeStorage(join(folder, name, 'work')), runtime };
    const opened = await openCalibrationContext({ ...request, options: { ...SMALL_RUN, ...options } });
    try {
      const { noise } = initialNoise([1, 2], opened.context.latentDims);
      return await optimizeComponents(
        opened.context,
        opened.runner,
        await openModelFolder(parts ?? source),
        noise.data,
      );
    } finally {
      await opened.dispose();
    }
  }

  it('leaves a decoder as it is that cannot keep the quality asked for', async () => {
    const [decoder] = await decide('floor', { decoderFloor: 99 });
    expect(decoder).toMatchObject({ name: 'vae_decoder', form: 'as in the source' });
    expect(decoder!.reason).toMatch(/integers: .* dB, less than 99/);
  });

  it('leaves a decoder as it is that cannot be read, and does not fail', async () => {
    const damaged = await copy('damaged/parts');
    await writeFile(damaged, 'vae_decoder/model.onnx', new Uint8Array(1000).fill(7));
    const [decoder] = await decide('damaged', {}, damaged);
    expect(decoder).toMatchObject({ form: 'as in the source', attempts: [] });
    expect(decoder!.reason).not.toBe('');
  });

  it('does nothing when parts are to stay as they are', async () => {
    expect(await decide('keep', { components: 'keep' })).toEqual([]);
  });

  it('makes a decoder that takes batches, and refuses another size', async () => {
    const source = nodeStorage(join(folder, 'floor/work'));
    const session = await loadGraph(runtime, source, 'components/vae_decoder/integers/model.onnx');
    const [input] = session.inputs;
    const decode = (dims: number[]) => session.run({ [input!.name]: tensor('float32', dims) });
    const [picture] = Object.values(await decode([3, 4, 16, 16]));
    expect(picture!.dims[0]).toBe(3);
    await expect(decode([1, 4, 8, 8])).rejects.toMatchObject({ code: expect.any(String) });
    await session.dispose();
  });
});
