import { meanOf, psnr } from '@cachequant/evaluate';
import { readModel } from '@cachequant/onnx';
import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { memoryStorage, writeFile } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import type { CalibratedModel } from '../calibrated-model.js';
import type { Choice } from './choose-variant.js';
import { chooseFloatVariants, type FloatVariant } from './float-variants.js';

const REQUEST = { prompt: 'a photo of a red sneaker', seed: 7, steps: 5, guidanceScale: 4 };

/** Enough for the largest weight, and less than all of them. */
const SHARD_BYTES = 1_000_000;

describe('chooseFloatVariants(calibrated, choice, made)', () => {
  const graphs = (folder: string, bytes: number) => ({
    files: { [`${folder}/full.onnx`]: bytes, [`${folder}/cached.onnx`]: bytes },
    variant: { full: `${folder}/full.onnx`, cached: { graph: `${folder}/cached.onnx` } },
  });

  /** A denoiser of 1,000 bytes with float graphs of twice so many. */
  async function choose(floatGraphs: 'auto' | 'always', bytes: number) {
    const own = graphs('int8', 100);
    const float = graphs('float', bytes);
    const work = memoryStorage();
    const files = { ...own.files, ...float.files, 'int8/weights.bin': 800 };
    for (const [path, size] of Object.entries(files)) await writeFile(work, path, new Uint8Array(size));
    const calibrated = { context: { work, recipe: { floatGraphs } } } as unknown as CalibratedModel;
    const choice = { variant: own.variant } as unknown as Choice;
    return chooseFloatVariants(calibrated, choice, [{ variant: float.variant } as unknown as FloatVariant]);
  }

  it('keeps float graphs up to a tenth of the denoiser, and larger ones where they were asked for', async () => {
    expect(await choose('auto', 50)).toMatchObject({ kept: [{}], bytes: 100 });
    expect(await choose('auto', 51)).toEqual({ kept: [], bytes: 102 });
    expect(await choose('always', 5000)).toMatchObject({ kept: [{}], bytes: 10_000 });
  });
});

let made: OptimizedModel;
beforeAll(async () => {
  made = await optimizedModel({ ...SMALL_RUN, schedule: 'uniform' }, { shardBytes: SHARD_BYTES });
}, 300_000);
afterAll(() => made?.dispose());

describe('the float graphs of an integer bundle', () => {
  it('are named by the manifest, for the backend that needs them', () => {
    const { variants } = made.summary.manifest.denoiser;
    expect(variants.map(({ backends, precision }) => [backends, precision])).toEqual([
      [['webgpu'], 'float32'],
      [['webgpu'], 'float16'],
    ]);
    for (const { corrections, calibrationPsnr } of variants) {
      expect(corrections).toEqual({ cache: made.choice.chosen.correction, quantization: false });
      // The integers were measured on the same images; five steps leave little of either.
      expect(calibrationPsnr).toBeGreaterThan(meanOf(made.choice.chosen.psnr) - 1);
    }
  });

  it('are small, hold no integer operators, and read the weights of the integer graphs', async () => {
    const { denoiser, files } = made.summary.manifest;
    const integers = await readModel(made.out, denoiser.full.file);
    const places = new Set([...integers.graph.initializers.values()].map(({ data }) => JSON.stringify(data)));
    for (const { full, cached } of denoiser.variants) {
      for (const { file } of [full, cached]) {
        expect(files[file]!.bytes).toBeLessThan(0.15 * weightBytes(files));
        const { graph } = await readModel(made.out, file);
        expect(graph.nodes.filter(({ opType }) => /Quantize|QLinear|Integer|NBits/.test(opType))).toEqual([]);
        const weights = [...graph.initializers.values()].filter(({ dtype }) => dtype === 'int8');
        expect(weights.length).toBeGreaterThan(15);
        expect(weights.every(({ data }) => places.has(JSON.stringify(data)))).toBe(true);
      }
    }
  });

  it('lie in files of the size that was asked for, each numbered', () => {
    const shards = shardsOf(made.summary.manifest.files);
    expect(shards.length).toBeGreaterThan(3);
    expect(shards[0]![0]).toBe(`denoiser/weights-1-of-${shards.length}.bin`);
    for (const [, { bytes }] of shards) expect(bytes).toBeLessThanOrEqual(SHARD_BYTES);
  });

  it('draw what the integer graphs draw, on the processor', async () => {
    const { runtime, out, source } = made;
    const draw = async (open: Parameters<typeof createBundleGenerator>[0] | undefined) => {
      const generator = await (open
        ? createBundleGenerator(open)
        : createGenerator({ storage: source, runtime }));
      const { images } = await generator.generate(REQUEST);
      await generator.dispose();
      return images[0]!;
    };
    const original = await draw(undefined);
    const integers = psnr(original, await draw({ storage: out, runtime }));
    const single = await draw({ storage: out, runtime, precision: 'float32' });
    const half = await draw({ storage: out, runtime, precision: 'float16' });
    expect(psnr(original, single)).toBeGreaterThan(integers - 1);
    expect(psnr(original, half)).toBeGreaterThan(integers - 1);
    expect(psnr(single, half)).toBeGreaterThan(35);
  });

  it('are refused by name where there are none', async () => {
    const { runtime, out } = made;
    const manifest = JSON.parse(new TextDecoder().decode(await out.read('cachequant.json')));
    manifest.denoiser.variants = undefined;
    // Manifests of that time have no hash of their own.
    manifest.sha256 = undefined;
    const floats = Object.keys(manifest.files).filter((path) => /\.float(16|32)\.onnx$/.test(path));
    for (const path of floats) delete manifest.files[path];
    const older = {
      ...out,
      list: async (folder?: string) => (await out.list(folder)).filter((path) => !floats.includes(path)),
      read: (path: string, range?: { offset: number; length: number }) =>
        path === 'cachequant.json' ? encode(manifest) : out.read(path, range),
    };
    const opening = createBundleGenerator({ storage: older, runtime, check: 'sizes', precision: 'float32' });
    await expect(opening).rejects.toMatchObject({ code: 'bundle', where: 'precision' });
  });
});

const weightBytes = (files: OptimizedModel['summary']['manifest']['files']) =>
  shardsOf(files).reduce((sum, [, { bytes }]) => sum + bytes, 0);

const shardsOf = (files: OptimizedModel['summary']['manifest']['files']) =>
  Object.entries(files).filter(([path]) => path.startsWith('denoiser/weights'));

const encode = async (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
