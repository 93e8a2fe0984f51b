import { psnr, ssim } from '@cachequant/evaluate';
import { loadGraph, openBundle } from '@cachequant/pipeline';
import { type ProfiledNode, type Runtime, readText, type Session } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { rawLabels } from './__fixtures__/raw-labels.js';
import { FLOAT_FULL } from './calibrated-model.js';
import { layersReadingCache } from './graphs/corrected-layers.js';
import { planLayers } from './layers/layer-plan.js';
import { optimize } from './optimize.js';
import { measureCoverage } from './verify/coverage.js';

const CALLS = [0, 1, 2, 3, 4, 5];

let made: OptimizedModel;
beforeAll(async () => {
  made = await optimizedModel();
}, 180_000);
afterAll(() => made.dispose());

describe('optimize', () => {
  it('plans K = ceil(steps / interval) refreshes over the calls of PLMS, one more than the steps', () => {
    const { manifest, verification } = made.summary;
    expect(manifest.sampler).toEqual({ name: 'PNDMScheduler', steps: 5, calls: 6 });
    expect(manifest.schedule.refreshCalls).toHaveLength(3);
    expect(verification.cacheHits).toEqual({ full: 3, cached: 3 });
    expect(verification.times.optimized.calls.map(({ kind }) => kind)).toEqual(
      CALLS.map((call) => (manifest.schedule.refreshCalls.includes(call) ? 'full' : 'cached')),
    );
  });

  it('measures the pictures that it gives back, and a first call that differs by the noise of integers alone', () => {
    const { verification, pictures } = made.summary;
    const { original, optimized } = pictures[0]!;
    expect(verification.psnr).toBeCloseTo(psnr(original, optimized), 6);
    expect(verification.psnrInterval).toEqual([verification.psnr, verification.psnr]);
    expect(verification.ssim).toBeCloseTo(ssim(original, optimized), 6);
    const { corrected } = verification.errorPerCall;
    expect(corrected).toHaveLength(6);
    expect(corrected[0]).toBeGreaterThan(0);
    expect(corrected[0]).toBeLessThan(0.06);
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
    // Float graphs over the same weights are for backends without integer kernels; they have no weights of their own.
    const own = (path: string) => path.startsWith('denoiser/') && !/\.float(16|32)\.onnx$/.test(path);
    const bytes = Object.entries(files)
      .filter(([path]) => own(path))
      .reduce((sum, [, file]) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(0.32 * source.denoiserBytes);
  });

  it('tells what it does in words, at every stage and in all progress', () => {
    const { stages, progress } = made;
    const ids = stages.map(({ id }) => id);
    expect(ids).toEqual([
      'cut',
      'observe',
      'references',
      'quantize',
      'anchors',
      'candidate-forecast-dp-forecast',
      'candidate-forecast-dp-forecast-guidance',
      'candidate-forecast-dp-none',
      'candidate-forecast-dp-none-guidance',
      expect.stringMatching(/^smooth-forecast-dp-(forecast|none)(-guidance)?$/),
      'float-variants',
      'decoder',
      'text encoder',
      'verify',
      'off-calibration',
      'bundle',
    ]);
    expect(rawLabels(stages)).toEqual([]);
    // In the order of the stages: what is told of one is told while it runs.
    const told = progress.map(({ stage }) => stage.id).filter((id, i, all) => id !== all[i - 1]);
    expect(told).toEqual(ids.filter((id) => told.includes(id)));
    expect(told).toEqual(expect.arrayContaining(['observe', 'quantize', 'anchors', 'verify']));
    for (const { done, total } of progress) expect(done).toBeLessThanOrEqual(total);
  });

  it('saves results that are read back as they were, and reports what was reused', async () => {
    const stages: [string, boolean][] = [];
    const out = memoryStorage();
    const again = await optimize({
      ...made,
      out,
      options: SMALL_RUN,
      onStage: ({ id }, reused) => stages.push([id, reused]),
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
        ...runtime,
        capabilities: () => runtime.capabilities(),
        load: async (...args) => watch(await runtime.load(...args)),
      },
      late: () => late,
    };
  }

  it.each(['observe', 'quantize'])('begins no further call in %s, and goes on later', async (name) => {
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
      onProgress: ({ stage }) => stage.id === name && controller.abort(),
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
      onStage({ id }, known) {
        if (known) reused.push(id);
        else second.abort();
      },
    });
    await expect(resumed).rejects.toMatchObject({ code: 'aborted' });
    expect(reused).toEqual(name === 'observe' ? ['cut'] : ['cut', 'observe', 'references']);
  });

  it('leaves the bundle before it whole, and nothing of the one that was not finished', async () => {
    const out = memoryStorage();
    await optimize({ ...made, out, options: SMALL_RUN });
    const before = await out.list();
    const { manifest } = await openBundle(out);
    const controller = new AbortController();
    const stopped = optimize({
      ...made,
      out: {
        ...out,
        create(path) {
          if (path.endsWith('tables.bin')) controller.abort();
          return out.create(path);
        },
      },
      options: SMALL_RUN,
      signal: controller.signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(await out.list()).toEqual(before);
    expect((await openBundle(out)).manifest).toEqual(manifest);
    const again = await optimize({ ...made, out, options: SMALL_RUN, createdBy: 'again' });
    expect(again.manifest.createdBy).toBe('again');
    expect(await out.list()).toEqual(before);
  });
});

describe('optimize on a full disk', () => {
  it.each([1_000, 2_000_000])('says so after %d bytes of a bundle, and works later', async (bytes) => {
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
  });

  it.each([
    [0.6, 'before'],
    // The new one is whole, and its copy is not.
    [1.6, 'new'],
  ])('after %d of its size keeps the bundle that is whole, and works later', async (share, whole) => {
    const out = memoryStorage();
    await optimize({ ...made, out, options: SMALL_RUN, createdBy: 'before' });
    const before = await out.list();
    out.setFaults({ failAfterBytes: share * out.usedBytes });
    const failing = optimize({ ...made, out, options: SMALL_RUN, createdBy: 'new' });
    await expect(failing).rejects.toMatchObject({ code: 'storage' });
    expect((await openBundle(out)).manifest.createdBy).toBe(whole);
    out.setFaults({});
    const { manifest } = await optimize({ ...made, out, options: SMALL_RUN, createdBy: 'after' });
    expect((await openBundle(out)).manifest).toEqual(manifest);
    expect(await out.list()).toEqual(before);
  });

  it('keeps finished stages when there is no room for results, and works later', async () => {
    const work = memoryStorage({ failAfterBytes: 20_000_000 });
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
      onProgress: ({ stage, done }) => stage.kind === 'observe' && done === 1 && controller.abort(),
      onStage: ({ kind }) => kind === 'references' && controller.abort(),
    });
    await expect(resumed).rejects.toMatchObject({ code: 'aborted' });
    expect(await work.list()).toContain('stages/cut.json');
  });
});

describe('measureCoverage', () => {
  it('finds every planned layer of a bundle among the integers of the profile', () => {
    const { integerShare, plannedShare, missed, operators } = made.summary.verification.coverage;
    expect(missed).toEqual([]);
    expect(integerShare).toBe(plannedShare);
    expect(plannedShare).toBeGreaterThan(0.9);
    expect(operators.map(({ opType }) => opType)).toContain('QLinearConv');
  });

  it('reports the layers that were planned and did not run as integers', async () => {
    const { calibrated } = made;
    const coverage = await measureCoverage(calibrated, { full: FLOAT_FULL });
    expect(coverage.missed).toEqual([...calibrated.integers!.packed.compute.keys()]);
    expect(coverage.integerShare).toBe(0);
  });

  it('does not take a layer for another whose name ends alike', async () => {
    const { calibrated, choice } = made;
    const layer = calibrated.graphs.full.layers.find(({ id }) =>
      calibrated.integers!.packed.compute.has(id),
    )!;
    const rename = (node: ProfiledNode) =>
      node.name.startsWith(layer.node.name) ? { ...node, name: `/other${node.name}` } : node;
    const runtime = {
      ...made.runtime,
      capabilities: () => made.runtime.capabilities(),
      async load(...args: Parameters<Runtime['load']>): Promise<Session> {
        const session = await made.runtime.load(...args);
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (...run) => session.run(...run),
          endProfiling: async () => (await session.endProfiling()).map(rename),
          dispose: () => session.dispose(),
        };
      },
    };
    const renamed = { ...calibrated, context: { ...calibrated.context, runtime } };
    expect((await measureCoverage(renamed, choice.variant)).missed).toEqual([layer.id]);
  });
});

describe('planLayers', () => {
  const decisions = (keepFloat: readonly string[] = []) => planLayers(made.calibrated.graphs, keepFloat);

  it('keeps the first and the last layer in float, and what has too few rows to gain', () => {
    const planned = decisions();
    const { model, layers } = made.calibrated.graphs.full;
    const first = layers.find(({ input }) => input === 'sample')!;
    const last = layers.find(({ output }) => output === model.graph.outputs[0]!.name)!;
    const edges = planned.filter(({ reason }) => reason === 'first or last layer');
    expect(edges.map(({ id }) => id)).toEqual([first.id, last.id]);
    expect(edges.every(({ compute, storage }) => compute === 'float' && storage === 'float32')).toBe(true);
    const few = planned.filter(({ reason }) => reason === 'too few rows to gain');
    expect(
      few.every(
        ({ kind, compute, storage }) => kind === 'linear' && `${compute} ${storage}` === 'float int8',
      ),
    ).toBe(true);
    expect(few.length).toBeGreaterThanOrEqual(2);
    expect(planned.filter(({ compute }) => compute === 'integer').length).toBeGreaterThan(planned.length / 2);
  });

  it('keeps layers in float on request', () => {
    const { id } = decisions().find(({ compute }) => compute === 'integer')!;
    expect(decisions([id]).find((decision) => decision.id === id)).toMatchObject({
      compute: 'float',
      storage: 'float32',
    });
  });
});

describe('layersReadingCache', () => {
  it('are the layers between which and the cached tensor there is no other layer', () => {
    const { cached } = made.calibrated.graphs;
    const found = layersReadingCache(cached);
    const before = new Map<string, readonly string[]>();
    for (const { inputs, outputs } of cached.model.graph.nodes)
      for (const out of outputs) before.set(out, inputs);
    const layerOutputs = new Set(cached.layers.flatMap(({ node }) => node.outputs));
    const reaches = (name: string): boolean =>
      name === 'cached_features' || (!layerOutputs.has(name) && (before.get(name) ?? []).some(reaches));
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(cached.layers.filter(({ input }) => reaches(input)).map(({ id }) => id));
  });
});
