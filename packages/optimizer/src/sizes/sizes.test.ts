import { readModel } from '@cachequant/onnx';
import {
  createBundleGenerator,
  floatDenoiser,
  initialNoise,
  loadBundleDenoiser,
  loadGraph,
  openBundle,
} from '@cachequant/pipeline';
import { CacheQuantError, type Runtime, readText, type Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { signalToNoise } from '../components/measure-component.js';
import { type OptimizeOptions, parseRecipe } from '../recipe.js';
import { sizesOf } from './picture-size.js';

const REQUEST = { prompt: 'a red sneaker', seed: 11 };

async function bytesOf(storage: Storage, prefix: string): Promise<Record<string, number>> {
  const paths = await storage.list(prefix);
  const sizes = await Promise.all(
    paths.map(async (path) => [path, (await storage.stat(path))!.size] as const),
  );
  return Object.fromEntries(sizes);
}

interface Case {
  readonly name: string;
  readonly changes: OptimizeOptions;
  /** Least signal to noise of a full call, in decibels. */
  readonly least: number;
}

const CASES: readonly Case[] = [
  { name: 'integers', changes: { calibrationImages: 1 }, least: 8 },
  { name: 'float', changes: { bits: 'none', calibrationImages: 1, floatGraphs: 'never' }, least: 80 },
];

describe.each(CASES)('optimize({ size }) in $name', ({ changes, least }) => {
  let made: OptimizedModel;
  beforeAll(async () => {
    made = await optimizedModel({ ...SMALL_RUN, ...changes, size: ['32x32', '48x32', '64x64'] });
  }, 900_000);
  afterAll(() => made.dispose());

  it('lists every size with what it keeps of the source model', async () => {
    const { manifest } = await openBundle(made.out);
    expect(manifest.latentDims).toEqual([4, 16, 16]);
    expect(manifest.sizes.map(({ width, height, latentDims }) => [width, height, latentDims])).toEqual([
      [48, 32, [4, 16, 24]],
      [64, 64, [4, 32, 32]],
    ]);
    for (const size of manifest.sizes) {
      expect(size.images).toBe(1);
      expect(size.psnr).toBeGreaterThan(5);
      for (const { file } of [size.full, size.cached]) expect(manifest.files).toHaveProperty([file]);
      expect(size.variants.map(({ precision }) => precision)).toEqual(
        manifest.denoiser.variants.map(({ precision }) => precision),
      );
    }
    expect(JSON.parse(await readText(made.out, 'plan.json')).recipe.size).toEqual([
      '32x32',
      '48x32',
      '64x64',
    ]);
  });

  it('stores no weight twice: graphs of further sizes are a few hundred kilobytes over the same files', async () => {
    const { manifest } = await openBundle(made.out);
    const files = await bytesOf(made.out, 'denoiser');
    const weights = files['denoiser/weights.bin']!;
    for (const { full, cached } of manifest.sizes) {
      expect(files[full.file]! + files[cached.file]!).toBeLessThan(0.2 * weights);
      const first = await readModel(made.out, manifest.denoiser.full.file);
      const further = await readModel(made.out, full.file);
      const placesOf = (model: typeof first) =>
        new Map(
          [...model.graph.initializers].flatMap(([name, { data }]) =>
            data.kind === 'range' && data.length > 1024
              ? [[name, [data.source.name, data.offset]] as const]
              : [],
          ),
        );
      const [own, shared] = [placesOf(first), placesOf(further)];
      expect(shared.size).toBeGreaterThan(20);
      for (const [name, place] of shared) expect([name, place]).toEqual([name, own.get(name)]);
    }
  });

  it('predicts at every size what the source model does', async () => {
    const { manifest, storage } = await openBundle(made.out);
    const { folder } = made.calibrated.context.conditioning!;
    const session = await loadGraph(made.runtime, folder.storage, folder.denoiser.model);
    const source = floatDenoiser(session);
    const { conditioning } = made.calibrated.context.calibration[0]!;
    for (const [size, [, height, width]] of [
      manifest.latentDims,
      ...manifest.sizes.map((each) => each.latentDims),
    ].entries()) {
      const denoiser = await loadBundleDenoiser(storage, made.runtime, manifest, undefined, size);
      const { noise } = initialNoise([5], [4, height!, width!]);
      const call = {
        call: 0,
        timestep: made.calibrated.context.sampler.timesteps[0]!,
        sample: noise,
        conditioning,
      };
      const [expected, found] = [await source.predict(call), await denoiser.predict(call)];
      expect(signalToNoise([expected], [found])).toBeGreaterThan(least);
      await denoiser.dispose();
    }
    await source.dispose();
  }, 120_000);

  it('makes pictures of every size, one size in memory at a time', async () => {
    const loaded: string[] = [];
    const runtime = {
      name: made.runtime.name,
      capabilities: () => made.runtime.capabilities(),
      dispose: async () => {},
      async load(source, options) {
        const session = await made.runtime.load(source, options);
        const name = /denoiser.(.*)\.onnx$/.exec('path' in source ? String(source.path) : '')?.[1];
        if (name !== undefined) loaded.push(name);
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds, settings) => session.run(feeds, settings),
          endProfiling: () => session.endProfiling(),
          async dispose() {
            if (name !== undefined) loaded.splice(loaded.indexOf(name), 1);
            await session.dispose();
          },
        };
      },
    } as Runtime;
    const generator = await createBundleGenerator({ storage: made.out, runtime });
    for (const [width, height, suffix] of [
      [64, 64, '.64x64'],
      [32, 32, ''],
      [48, 32, '.48x32'],
    ] as const) {
      const [image] = (await generator.generate({ ...REQUEST, width, height })).images;
      expect(image).toMatchObject({ width, height });
      expect(loaded).toEqual([`full${suffix}`, `cached${suffix}`]);
    }
    await generator.dispose();
    expect(loaded).toEqual([]);
  }, 120_000);

  it('loads the size that is asked for at first, and keeps several where that is asked for', async () => {
    const generator = await createBundleGenerator({
      storage: made.out,
      runtime: made.runtime,
      size: { width: 48 },
      keepSizes: 2,
    });
    const [image] = (await generator.generate(REQUEST)).images;
    expect(image).toMatchObject({ width: 48, height: 32 });
    const again = await generator.generate({ ...REQUEST, width: 32, height: 32 });
    expect(again.images[0]).toMatchObject({ width: 32, height: 32 });
    await generator.dispose();
  });

  it('refuses a size that it lacks before anything is loaded, and names the command that adds it', async () => {
    const refused = createBundleGenerator({
      storage: made.out,
      runtime: { ...made.runtime, load: () => expect.unreachable() },
      size: { width: 64, height: 48 },
    });
    const error = await refused.catch((cause: unknown) => cause);
    expect(CacheQuantError.is(error) && error.code).toBe('invalid-argument');
    expect(String(error)).toContain('expected 32x32 or 48x32 or 64x64, got 64x48');
    expect(String(error)).toContain(
      'cachequant optimize model --out <bundle> --size 32x32,48x32,64x64,64x48',
    );
    const generator = await createBundleGenerator({ storage: made.out, runtime: made.runtime });
    await expect(generator.check({ ...REQUEST, width: 40 })).rejects.toThrow('no graphs for this size');
    await generator.dispose();
  });
});

describe('sizesOf(recipe)', () => {
  it.each<[object, string]>([
    [{ size: ['32x32'], width: 32 }, 'give either sizes, or width and height'],
    [{ size: ['32x32', '48x32', '32x32'] }, 'a size is there twice'],
    [{ size: ['32x32', '48x32'], recipe: 'paper' }, "the paper's recipe has one size"],
    [{ size: ['32'] }, 'expected a form such as 512x768'],
    [{ size: [] }, 'option size'],
  ])('refuses %j', (options, message) => {
    expect(() => sizesOf(parseRecipe(options))).toThrow(message);
  });

  it('takes the first as the one that is calibrated', () => {
    expect(sizesOf(parseRecipe({ size: ['32x48', '64x32'] }))).toEqual({
      main: { width: 32, height: 48 },
      further: [{ width: 64, height: 32 }],
    });
    expect(sizesOf(parseRecipe({ width: 8 }))).toEqual({
      main: { width: 8, height: undefined },
      further: [],
    });
  });
});
