import { psnr } from '@cachequant/evaluate';
import {
  type BundleManifest,
  createBundleGenerator,
  createGenerator,
  type Denoiser,
  type DenoiserCall,
  floatDenoiser,
  type GeneratedImage,
  isBundle,
  loadGraph,
  openBundle,
} from '@cachequant/pipeline';
import { loadCachedDenoiser, sealManifest } from '@cachequant/pipeline/internals';
import {
  type Runtime,
  readText,
  type Session,
  type Storage,
  type Tensor,
  writeFile,
} from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { FLOAT_CACHED, FLOAT_FULL } from '../calibrated-model.js';
import { type CalibrationContext, observingDenoiser, runGraph, sampleImage } from '../calibration-context.js';

const PROMPT = 'a green handbag';

let made: OptimizedModel;
let context: CalibrationContext;
beforeAll(async () => {
  made = await optimizedModel({
    ...SMALL_RUN,
    bits: 'none',
    schedule: 'uniform',
    cacheCorrection: 'forecast',
  });
  context = made.calibrated.context;
}, 180_000);
afterAll(() => made.dispose());

describe('openBundle', () => {
  async function copyOf(changes: Readonly<Record<string, Uint8Array | string | undefined>> = {}) {
    const copy = memoryStorage();
    for (const path of await made.out.list()) {
      if (!Object.hasOwn(changes, path)) await writeFile(copy, path, await made.out.read(path));
    }
    for (const [path, content] of Object.entries(changes)) {
      if (content !== undefined) await writeFile(copy, path, content);
    }
    return copy;
  }

  async function manifestWith(changes: object): Promise<Storage> {
    const manifest = JSON.parse(await readText(made.out, 'cachequant.json')) as BundleManifest;
    return copyOf({ 'cachequant.json': sealManifest({ ...manifest, ...changes }) });
  }

  it('gives what was written', async () => {
    const { manifest, verification } = await openBundle(made.out);
    expect(manifest).toEqual(made.summary.manifest);
    expect(verification).toEqual(JSON.parse(JSON.stringify(made.summary.verification)));
    expect(await isBundle(made.out)).toBe(true);
    expect(await isBundle(made.source)).toBe(false);
  });

  it('does without what was measured and without reports, but takes no others', async () => {
    const copy = await copyOf({ 'verification.json': undefined });
    await writeFile(copy, 'report.html', '<html>');
    expect((await openBundle(copy)).verification).toBeUndefined();
    await writeFile(copy, 'verification.json', '{"speedup":100}');
    await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', where: 'verification.json' });
  });

  it('tells a manifest that was altered, and takes one of an earlier version without a hash', async () => {
    const text = await readText(made.out, 'cachequant.json');
    const altered = await copyOf({
      'cachequant.json': text.replace('"guidanceScale": 4', '"guidanceScale": 5'),
    });
    await expect(openBundle(altered)).rejects.toMatchObject({
      code: 'bundle',
      message: expect.stringContaining('the manifest is not the one that was written'),
    });
    const { sha256: _, ...earlier } = JSON.parse(text) as BundleManifest;
    delete (earlier.files as Record<string, unknown>)['verification.json'];
    const unsealed = await copyOf({ 'cachequant.json': JSON.stringify(earlier) });
    const { manifest, verification } = await openBundle(unsealed);
    expect(manifest).toEqual({ ...earlier, sizes: [] });
    expect(verification).toBeDefined();
  });

  it.each(['text_encoder/model2.onnx', 'denoiser/more.bin', 'vae_decoder_2/config.json', 'scheduler/x.json'])(
    'refuses %s, which nobody has listed',
    async (path) => {
      const copy = await copyOf({ [path]: Uint8Array.of(1) });
      await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', where: path });
    },
  );

  it('does not mind files beside the parts, nor hidden ones, and does not show them', async () => {
    const copy = await copyOf({ 'notes.txt': Uint8Array.of(1), 'denoiser/.DS_Store': Uint8Array.of(1) });
    const { storage } = await openBundle(copy);
    expect(await storage.list()).toEqual(Object.keys(made.summary.manifest.files).sort());
    expect(await storage.stat('notes.txt')).toBeUndefined();
    await expect(storage.read('notes.txt')).rejects.toMatchObject({ code: 'storage' });
  });

  it('refuses weights and parts of a listed graph that are not listed', async () => {
    for (const path of ['denoiser/weights.bin', 'denoiser/tables.bin']) {
      const files = { ...made.summary.manifest.files };
      delete files[path];
      const copy = await manifestWith({ files });
      await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', where: path });
      // Also where the file is not to be seen in the folder, but a runtime could find it by the path of the graph.
      const hidden = {
        ...copy,
        locate: (name: string) => `/bundle/${name}`,
        list: async () => (await copy.list()).filter((name) => name !== path),
      };
      await expect(openBundle(hidden)).rejects.toMatchObject({
        code: 'bundle',
        got: path.slice('denoiser/'.length),
      });
    }
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'does not take a graph called %s for a listed one',
    async (file) => {
      const { denoiser } = made.summary.manifest;
      const copy = await manifestWith({ denoiser: { ...denoiser, full: { ...denoiser.full, file } } });
      await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', got: file });
    },
  );

  it('refuses a link that leads out of the bundle', async () => {
    const linked: Storage = {
      ...made.out,
      stat: async (path) => {
        const found = await made.out.stat(path);
        return found && path === 'vae_decoder/config.json' ? { ...found, outside: true } : found;
      },
    };
    await expect(openBundle(linked)).rejects.toMatchObject({
      code: 'bundle',
      message: expect.stringContaining('a link leads out of the bundle'),
    });
  });

  it.each(['denoiser/weights.bin', 'denoiser/tables.bin', 'denoiser/full.onnx', 'vae_decoder/model.onnx'])(
    'refuses another %s',
    async (path) => {
      const altered = (await made.out.read(path)).slice();
      altered[altered.length >> 1]! ^= 1;
      const copy = await copyOf({ [path]: altered });
      await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', where: path });
      await expect(openBundle(copy, { check: 'sizes' })).resolves.toBeDefined();
      const shorter = await copyOf({ [path]: altered.subarray(1) });
      await expect(openBundle(shorter, { check: 'sizes' })).rejects.toMatchObject({
        code: 'bundle',
        where: path,
      });
    },
  );

  it('refuses one with a missing file', async () => {
    const opening = openBundle(await copyOf({ 'denoiser/cached.onnx': undefined }));
    await expect(opening).rejects.toMatchObject({ code: 'bundle', where: 'denoiser/cached.onnx' });
    await expect(opening).rejects.toThrow('no such file');
  });

  it('refuses a newer format, and says what to do', async () => {
    const opening = openBundle(await manifestWith({ formatVersion: 3 }));
    await expect(opening).rejects.toMatchObject({ code: 'bundle', got: 'format 3' });
    await expect(opening).rejects.toThrow(/newer.*Update cachequant/s);
  });

  it('reads a manifest with fields that it does not know', async () => {
    const { manifest } = await openBundle(await manifestWith({ mood: 'good' }));
    expect({ ...manifest, sha256: '' }).toEqual({ ...made.summary.manifest, sha256: '' });
  });

  it.each([
    ['{"formatVersion": 1,', /is not JSON/],
    ['[]', /damaged/],
    ['null', /damaged/],
    ['{"formatVersion": "1"}', /damaged/],
  ])('refuses the manifest %s', async (text, message) => {
    const opening = openBundle(await copyOf({ 'cachequant.json': text }));
    await expect(opening).rejects.toMatchObject({ code: 'bundle' });
    await expect(opening).rejects.toThrow(message);
  });

  it('refuses graphs that are not among the files whose hashes are known', async () => {
    const { denoiser } = made.summary.manifest;
    const copy = await manifestWith({
      denoiser: { ...denoiser, full: { ...denoiser.full, file: 'other.onnx' } },
    });
    await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle', got: 'other.onnx' });
  });

  it('refuses measurements that are no JSON, and folders that are no bundle', async () => {
    const damaged = openBundle(await copyOf({ 'verification.json': '{' }));
    await expect(damaged).rejects.toMatchObject({ code: 'bundle', where: 'verification.json' });
    await expect(openBundle(made.source)).rejects.toThrow(/holds no bundle.*cachequant optimize/s);
  });
});

describe('createBundleGenerator', () => {
  it('refuses files that were replaced between their check and their loading', async () => {
    for (const path of ['denoiser/weights.bin', 'tokenizer/tokenizer.json']) {
      const storage = memoryStorage();
      for (const each of await made.out.list()) await writeFile(storage, each, await made.out.read(each));
      let loads = 0;
      let disposed = 0;
      const load: Runtime['load'] = async (source, options) => {
        if (loads++ === 0) await writeFile(storage, path, await made.out.read(path));
        const session = await made.runtime.load(source, options);
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds, asked) => session.run(feeds, asked),
          endProfiling: () => session.endProfiling(),
          async dispose() {
            disposed++;
            await session.dispose();
          },
        };
      };
      const { name, version, threads } = made.runtime;
      const capabilities = () => made.runtime.capabilities();
      const runtime: Runtime = { name, version, threads, capabilities, load, dispose: async () => undefined };
      await expect(createBundleGenerator({ storage, runtime })).rejects.toMatchObject({
        code: 'bundle',
        where: path,
        message: expect.stringContaining('has changed since it was checked'),
      });
      expect([loads > 1, disposed]).toEqual([true, loads]);
    }
  });

  const bundle = () => createBundleGenerator({ storage: made.out, runtime: made.runtime });

  it('draws what the variant in the work folder draws', async () => {
    const [image] = context.verification;
    const generator = await bundle();
    const { images, warnings, timings } = await generator.generate({
      prompt: image!.prompt,
      seed: image!.seed,
    });
    await generator.dispose();
    expect(warnings).toEqual([]);
    expect(timings.runs[0]!.calls.filter(({ kind }) => kind === 'full')).toHaveLength(3);
    const { optimized } = made.summary.pictures[0]!;
    expect(psnr(optimized, images[0]!)).toBeGreaterThan(60);
  });

  it('has measured what it is worth at other steps and guidance, with a negative prompt and with other words', () => {
    const { offCalibration, calibration } = made.summary.manifest;
    expect(offCalibration.map(({ kind, value }) => [kind, value])).toEqual([
      ['steps', 2],
      ['steps', 10],
      ['guidance scale', 2],
      ['guidance scale', 8],
      ['negative prompt', 'blurry, low quality'],
      ['wording', 'highly detailed, studio lighting'],
    ]);
    for (const { kind, images, psnr: away, psnrCalibrated } of offCalibration) {
      expect(images).toBeGreaterThan(0);
      // Three refreshes are far too few for twice the steps; what that measured is generated again below.
      expect(away).toBeGreaterThan(kind === 'steps' ? 5 : 10);
      expect(psnrCalibrated).toBeGreaterThan(10);
    }
    expect(calibration?.words).toContain('sneaker');
  });

  it('refuses samplers with other numbers of calls and other sizes, and warns of what was not measured', async () => {
    const generator = await bundle();
    const other = generator.generate({ prompt: PROMPT, sampler: 'ddim', steps: 5 });
    await expect(other).rejects.toMatchObject({ code: 'bundle', where: 'sampler' });
    await expect(other).rejects.toThrow(/PNDMScheduler, or 6 network calls.*5 steps of DDIMScheduler/s);
    await expect(generator.generate({ prompt: PROMPT, width: 64 })).rejects.toMatchObject({
      code: 'invalid-argument',
      where: 'width',
    });
    const { warnings } = await generator.generate({ prompt: PROMPT, guidanceScale: 5 });
    expect(warnings).toEqual([expect.stringContaining('guidance scale 4; at 5')]);
    const sampler = await generator.generate({ prompt: PROMPT, sampler: 'ddim', steps: 6 });
    expect(sampler.warnings).toEqual([expect.stringContaining('DDIMScheduler')]);
    await generator.dispose();
  });

  it('makes other numbers of steps in turn, each as if it were alone, and warns with what was measured', async () => {
    const [image] = context.verification;
    const { offCalibration } = made.summary.manifest;
    const generator = await bundle();
    const original = await createGenerator({ storage: made.source, runtime: made.runtime });
    const drawn = new Map<number, GeneratedImage>();
    for (const steps of [5, 10, 3, 2, 5]) {
      const request = { prompt: image!.prompt, seed: image!.seed, steps, guidanceScale: 4 };
      const { images, warnings, timings } = await generator.generate(request);
      const { calls } = timings.runs[0]!;
      expect(calls).toHaveLength(steps + 1);
      expect(calls[0]!.kind).toBe('full');
      expect(calls.filter(({ kind }) => kind === 'full').length).toBeLessThanOrEqual(3);
      const unlike = expect.stringMatching(/^The bundle was calibrated at 5 steps; at \d+.* measured \d/);
      expect(warnings).toEqual(steps === 5 ? [] : [unlike]);
      const reference = (await original.generate(request)).images[0]!;
      const quality = psnr(reference, images[0]!);
      const measured = offCalibration.find(({ kind, value }) => kind === 'steps' && value === steps);
      // The bundle's own decoder computes in integers, that of the measurement in float.
      if (measured) expect(Math.abs(quality - measured.psnr), `${steps} steps`).toBeLessThan(1);
      if (drawn.has(steps)) expect(images[0]!.rgb).toEqual(drawn.get(steps)!.rgb);
      drawn.set(steps, images[0]!);
    }
    await generator.dispose();
    await original.dispose();
  });

  it('refuses a damaged bundle before anything is loaded', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'cachequant.json', '{}');
    const runtime = { ...made.runtime, load: () => Promise.reject(new Error('loaded')) };
    await expect(createBundleGenerator({ storage, runtime })).rejects.toMatchObject({ code: 'bundle' });
  });
});

describe('the graphs of a cut', () => {
  /** Final latents of the first verification image. */
  const latentsOf = async (denoiser: Denoiser) =>
    (await sampleImage(context, denoiser, context.verification[0]!)).latents;

  function largestDifference(a: Tensor<'float32'>, b: Tensor<'float32'>): number {
    return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);
  }

  async function withSessions<T>(paths: [Storage, string][], use: (sessions: Session[]) => Promise<T>) {
    const sessions = await Promise.all(
      paths.map(([storage, path]) => loadGraph(made.runtime, storage, path)),
    );
    const result = await use(sessions);
    await Promise.all(sessions.map((session) => session.dispose()));
    return result;
  }

  it('give what the float model gives when every call is a refresh', async () => {
    const files = {
      full: FLOAT_FULL,
      cached: FLOAT_CACHED,
      refreshCalls: [0, 1, 2, 3, 4, 5],
      anchors: 1,
    } as const;
    const cached = await loadCachedDenoiser(made.runtime, made.work, files);
    const original = floatDenoiser(await loadGraph(made.runtime, made.source, 'unet/model.onnx'));
    expect(largestDifference(await latentsOf(cached), await latentsOf(original))).toBeLessThan(1e-4);
    expect(cached.stats).toEqual({ fullCalls: 6, cachedCalls: 0 });
    await Promise.all([cached.dispose(), original.dispose()]);
  });

  it('give what the full graph gives when the cached tensor is fresh', async () => {
    const paths: [Storage, string][] = [FLOAT_FULL, FLOAT_CACHED].map((path) => [made.work, path]);
    let most = 0;
    await withSessions(paths, async ([full, cached]) => {
      const denoiser = observingDenoiser(full!, async (call) => {
        const fresh = await runGraph(context, full!, call, [context.output, 'cached_features']);
        const reused = await runGraph(context, cached!, call, [context.output], fresh);
        most = Math.max(most, largestDifference(fresh[context.output]!, reused[context.output]!));
        return fresh[context.output]!;
      });
      return latentsOf(denoiser);
    });
    expect(most).toBeLessThan(1e-4);
  });

  it('are given the features of the last two refreshes, on the device as by hand', async () => {
    const { denoiser, schedule, corrections } = made.summary.manifest;
    expect(corrections).toMatchObject({ cache: 'forecast', anchors: 2 });
    const { refreshCalls } = schedule;
    const byHand = await withSessions(
      [
        [made.out, denoiser.full.file],
        [made.out, denoiser.cached.file],
      ],
      async ([full, cached]) => {
        const features: Tensor[] = [];
        const predict = async (call: DenoiserCall) => {
          if (refreshCalls.includes(call.call)) {
            const made = await runGraph(context, full!, call, [context.output, 'cached_features']);
            features.push(made.cached_features!);
            return made[context.output]!;
          }
          const anchors = {
            cached_features: features.at(-1)!,
            cached_features_previous: features.at(-2) ?? features.at(-1)!,
          };
          return (await runGraph(context, cached!, call, [context.output], anchors))[context.output]!;
        };
        return latentsOf(observingDenoiser(full!, predict));
      },
    );
    const files = {
      full: denoiser.full.file,
      cached: denoiser.cached.file,
      refreshCalls,
      anchors: 2,
    } as const;
    const onDevice = await loadCachedDenoiser(made.runtime, made.out, files);
    expect(largestDifference(await latentsOf(onDevice), byHand)).toBeLessThan(1e-5);
    const reuse = { ...files, refreshCalls: [0] };
    const stale = await loadCachedDenoiser(made.runtime, made.out, reuse);
    expect(largestDifference(await latentsOf(stale), byHand)).toBeGreaterThan(1e-3);
    await Promise.all([onDevice.dispose(), stale.dispose()]);
  });
});
