import { type Runtime, readText, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { loadCachedDenoiser } from '../generate/load-cached-denoiser.js';
import { loadGraph } from '../model/load-graph.js';
import { layersReadingCache } from './corrected-layers.js';
import { measureCoverage } from './coverage.js';
import { CACHE_NAME, type Laboratory, observingDenoiser, runGraph, sampleImage } from './laboratory.js';
import { planLayers } from './layer-plan.js';
import { optimize } from './optimize.js';
import { FLOAT_CACHED, FLOAT_FULL, INTEGER_FULL } from './study.js';
import { loadVariant } from './variant.js';

const CALLS = [0, 1, 2, 3, 4, 5];

let made: OptimizedModel;
let lab: Laboratory;
beforeAll(async () => {
  made = await optimizedModel();
  lab = made.summary.study.lab;
}, 180_000);
afterAll(() => made.dispose());

function largestDifference(a: Tensor<'float32'>, b: Tensor<'float32'>): number {
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);
}

describe('optimize', () => {
  it('plans K = ceil(steps / interval) refreshes over the calls of PLMS, one more than the steps', () => {
    const { manifest, verification } = made.summary;
    expect(manifest.sampler).toEqual({ name: 'PNDMScheduler', steps: 5, calls: 6 });
    expect(manifest.schedule.refreshSteps).toHaveLength(3);
    expect(verification.cacheHits).toEqual({ full: 3, cached: 3 });
    expect(verification.times.optimized.calls.map(({ kind }) => kind)).toEqual(
      CALLS.map((call) => (manifest.schedule.refreshSteps.includes(call) ? 'full' : 'cached')),
    );
  });

  it('measures pictures that are those of the original but for small errors', () => {
    const { psnr, psnrInterval, ssim, errorPerCall } = made.summary.verification;
    expect(psnr).toBeGreaterThan(20);
    expect(psnrInterval).toEqual([psnr, psnr]);
    expect(ssim).toBeGreaterThan(0.8);
    for (const errors of Object.values(errorPerCall)) {
      expect(errors).toHaveLength(6);
      for (const error of errors) expect(error).toBeLessThan(0.5);
    }
  });

  it('describes where every input of the graphs that were written comes from', async () => {
    const { denoiser } = made.summary.manifest;
    for (const { file, inputs, outputs } of [denoiser.full, denoiser.cached]) {
      const session = await loadGraph(made.runtime, made.out, file);
      expect(Object.keys(inputs).sort()).toEqual(session.inputs.map(({ name }) => name).sort());
      expect(Object.keys(outputs).sort()).toEqual(session.outputs.map(({ name }) => name).sort());
      await session.dispose();
    }
  });

  it('keeps the weights a quarter of their size, once for both graphs', () => {
    const { files, source } = made.summary.manifest;
    const bytes = Object.entries(files)
      .filter(([path]) => path.startsWith('denoiser/'))
      .reduce((sum, [, file]) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(0.32 * source.denoiserBytes);
  });

  it('saves results that are read back as they were, and reports what was reused', async () => {
    const stages: [string, boolean][] = [];
    const out = memoryStorage();
    const again = await optimize({
      ...made,
      out,
      options: SMALL_RUN,
      onStage: (name, reused) => stages.push([name, reused]),
    });
    expect(stages.filter(([, reused]) => !reused)).toEqual([['bundle', false]]);
    expect(stages.length).toBeGreaterThan(6);
    expect(again.verification).toEqual(made.summary.verification);
    expect(again.pictures).toEqual(made.summary.pictures);
    expect(again.manifest.files).toEqual(made.summary.manifest.files);
  });
});

describe('optimize, stopped', () => {
  /** A runtime that counts the runs that were begun after the signal. */
  function watched(signal: AbortSignal): { runtime: Runtime; late: () => number } {
    let late = 0;
    const watch = (session: Session): Session => ({
      ...session,
      inputs: session.inputs,
      outputs: session.outputs,
      endProfiling: () => session.endProfiling(),
      dispose: () => session.dispose(),
      run(feeds, options) {
        if (signal.aborted) late += 1;
        return session.run(feeds, options);
      },
    });
    const { runtime } = made;
    return {
      runtime: {
        name: runtime.name,
        capabilities: runtime.capabilities,
        load: async (...args) => watch(await runtime.load(...args)),
        dispose: () => runtime.dispose(),
      },
      late: () => late,
    };
  }

  it.each(['observe', 'quantize weights'])(
    'begins no further call in %s, and goes on later',
    async (name) => {
      const controller = new AbortController();
      const { runtime, late } = watched(controller.signal);
      const request = {
        source: made.source,
        work: memoryStorage(),
        out: memoryStorage(),
        options: SMALL_RUN,
      };
      const stopped = optimize({
        ...request,
        runtime,
        signal: controller.signal,
        onProgress: ({ stage }) => stage === name && controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
      expect(late()).toBe(0);
      expect(await request.out.list()).toEqual([]);

      const second = new AbortController();
      const reused: string[] = [];
      const resumed = optimize({
        ...request,
        runtime: made.runtime,
        signal: second.signal,
        onStage(stage, known) {
          if (known) reused.push(stage);
          else second.abort();
        },
      });
      await expect(resumed).rejects.toMatchObject({ code: 'aborted' });
      expect(reused).toEqual(name === 'observe' ? ['cut'] : ['cut', 'observe', 'references']);
    },
  );

  it('leaves no manifest of a bundle that was not finished, nor of the one before it', async () => {
    const out = memoryStorage();
    await optimize({ ...made, out, options: SMALL_RUN });
    expect(await out.list()).toContain('cachequant.json');
    const controller = new AbortController();
    const stopped = optimize({
      ...made,
      out: {
        ...out,
        create: (path) => (path.endsWith('tables.bin') && controller.abort(), out.create(path)),
      },
      options: SMALL_RUN,
      signal: controller.signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(await out.list()).not.toContain('cachequant.json');
    await optimize({ ...made, out, options: SMALL_RUN });
    expect(await out.list()).not.toContain('unfinished-bundle');
  });
});

describe('optimize on a full disk', () => {
  it.each([0, 1_000, 100_000, 2_000_000])(
    'says so after %d bytes of a bundle, and works later',
    async (bytes) => {
      const out = memoryStorage({ failAfterBytes: bytes });
      const failing = optimize({ ...made, out, options: SMALL_RUN });
      await expect(failing).rejects.toMatchObject({ code: 'storage' });
      expect(await out.list()).not.toContain('cachequant.json');
      const { files } = made.summary.manifest;
      for (const path of await out.list()) {
        if (path in files) expect((await out.stat(path))!.size).toBe(files[path]!.bytes);
      }
      out.setFaults({});
      const { manifest } = await optimize({ ...made, out, options: SMALL_RUN });
      expect(manifest.files).toEqual(files);
    },
  );

  it.each([10, 100_000, 20_000_000])('keeps finished stages after %d bytes of results', async (bytes) => {
    const work = memoryStorage({ failAfterBytes: bytes });
    const request = { ...made, work, out: memoryStorage(), options: { ...SMALL_RUN, calibrationImages: 1 } };
    await expect(optimize(request)).rejects.toMatchObject({ code: 'storage' });
    for (const path of await work.list()) {
      if (path.endsWith('.json')) expect(JSON.parse(await readText(work, path))).toHaveProperty('sha256');
    }
    work.setFaults({});
    const controller = new AbortController();
    const resumed = optimize({
      ...request,
      signal: controller.signal,
      onProgress: ({ stage, done }) => stage === 'observe' && done === 1 && controller.abort(),
      onStage: (stage) => stage === 'references' && controller.abort(),
    });
    await expect(resumed).rejects.toMatchObject({ code: 'aborted' });
    expect(await work.list()).toContain('stages/cut.json');
  });
});
