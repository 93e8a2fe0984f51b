import { createBundleGenerator, openPlanner, readManifest } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { PLAN, parseDecisionRecord } from '../decision-record.js';
import { optimize } from '../optimize.js';
import type { OptimizeSummary } from '../optimize-summary.js';
import type { OptimizeOptions } from '../recipe.js';

const OPTIONS = {
  sampler: 'dpm-solver++',
  steps: 10,
  interval: 3,
  guidanceScale: 4,
  schedule: 'search',
  searchMinutes: 0.01,
  effort: 'fast',
  bits: 'none',
  components: 'keep',
  floatGraphs: 'never',
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a red sneaker', 'a blue dress'],
} as const satisfies OptimizeOptions;

const source = modelStorage('fashion-sd');
const work = memoryStorage();
let runtime: Runtime;
let searched: OptimizeSummary;
let out: Storage;

beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  out = memoryStorage();
  searched = await optimize({ source, work, out, runtime, options: OPTIONS });
}, 180_000);
afterAll(() => runtime.dispose());

describe("optimize with schedule 'search'", () => {
  it('tries what is planned as well, and takes what measures best', () => {
    const means = searched.candidates.map(
      ({ psnr }) => psnr.reduce((sum, value) => sum + value) / psnr.length,
    );
    expect(new Set(searched.candidates.map(({ schedule }) => schedule))).toEqual(
      new Set(['uniform', 'dp', 'search']),
    );
    expect(means[searched.candidates.findIndex(({ chosen }) => chosen)]).toBe(Math.max(...means));
  });

  it('has the calls of what was chosen in the manifest and in the plan', async () => {
    const { refreshCalls, timesteps, schedule } = searched.candidates.find(({ chosen }) => chosen)!;
    expect((await readManifest(out)).schedule).toMatchObject({ kind: schedule, refreshCalls });
    expect((await readManifest(out)).schedule.timesteps).toEqual(timesteps);
    const recorded = parseDecisionRecord(await readText(out, PLAN)).schedules;
    expect(recorded.map((each) => each.timesteps)).toEqual(searched.candidates.map((each) => each.timesteps));
  });

  it.each([
    [{ interval: 1 }, 'option schedule'],
    [{ maxLatency: 100 }, 'option schedule'],
    [{ cacheCorrection: 'none' }, 'option cacheCorrection'],
    [{ recipe: 'paper' }, 'option schedule'],
    [{ searchMinutes: 0 }, 'option searchMinutes'],
    [{ sampler: 'euler-ancestral' }, 'option schedule'],
    [{ sampler: 'plms' }, 'option schedule'],
  ] as const)('refuses %o, naming the option', async (other, where) => {
    const places = { source, work: memoryStorage(), out: memoryStorage(), runtime };
    const calibration = { calibrationImages: 1, searchMinutes: 1e-6 };
    await expect(
      optimize({ ...places, options: { ...OPTIONS, ...calibration, ...other } }),
    ).rejects.toMatchObject({ where: expect.stringContaining(where) });
  });
});

describe('a bundle whose calls were searched for', () => {
  const MADE = [0, 1, 2, 4, 6, 8];
  const KINDS = ['full', 'cached', 'full', 'cached', 'full', 'cached'];
  const bundle = memoryStorage();
  let summary: OptimizeSummary;

  beforeAll(async () => {
    const record = parseDecisionRecord(await readText(out, PLAN));
    const grid = (await createGrid()).timesteps;
    const chosen: (typeof record.schedules)[number] = {
      schedule: 'search',
      correction: 'forecast',
      guidance: 'forecast',
      refreshCalls: [0, 2, 6],
      conditionalRefreshes: [6],
      timesteps: MADE.map((call) => grid[call]!),
      calibrationPsnr: [30, 30],
      chosen: true,
    };
    const plan = { ...record, schedules: [chosen] };
    summary = await optimize({ source, work: memoryStorage(), out: bundle, runtime, plan });
  }, 120_000);

  async function createGrid() {
    const generator = await createBundleGenerator({ storage: out, runtime });
    const timesteps: number[] = [];
    const other = { prompt: 'a red sneaker', seed: 1, sampler: 'dpm-solver++', samplerOverrides: {} };
    await generator.generate({ ...other, onStep: ({ timestep }) => void timesteps.push(timestep) });
    await generator.dispose();
    return { timesteps };
  }

  it('was verified and measured with these calls', () => {
    expect(summary.manifest.schedule).toMatchObject({
      kind: 'search',
      refreshCalls: [0, 2, 6],
      conditionalRefreshes: [6],
    });
    expect(summary.verification.cacheHits).toEqual({ full: 3, cached: 3 });
    expect(summary.verification.times.optimized.calls.map(({ kind }) => kind)).toEqual(KINDS);
    expect(summary.verification.times.original.calls).toHaveLength(10);
    expect(summary.verification.psnr).toBeGreaterThan(15);
  });

  it('makes them when nothing else is asked for, and when its own steps are', async () => {
    const generator = await createBundleGenerator({ storage: bundle, runtime });
    const request = { prompt: 'a red sneaker', seed: 7 };
    const made = await generator.generate(request);
    expect(made.warnings).toEqual([]);
    expect(made.timings.runs[0]!.calls.map(({ kind }) => kind)).toEqual(KINDS);
    for (const same of [{ steps: 10 }, { sampler: 'dpm-solver++' }, { steps: 10, sampler: 'dpm-solver++' }]) {
      const again = await generator.generate({ ...request, ...same });
      expect(again.images[0]!.rgb).toEqual(made.images[0]!.rgb);
    }
    await generator.dispose();
  }, 60_000);

  it('makes all calls of other steps, as any bundle does, and warns', async () => {
    const generator = await createBundleGenerator({ storage: bundle, runtime });
    const { timings, warnings } = await generator.generate({ prompt: 'a red sneaker', seed: 7, steps: 5 });
    expect(timings.runs[0]!.calls).toHaveLength(5);
    expect(warnings.join()).toContain('calibrated at 10 steps');
    await generator.dispose();
  }, 60_000);

  it('loses them when it is planned for another interval', async () => {
    const planner = await openPlanner(bundle, await readManifest(bundle));
    const other = await planner!.apply(
      planner!.plan({ interval: 2, schedule: 'dp', correction: 'forecast' }),
    );
    const { schedule } = await readManifest(other);
    expect([schedule.kind, schedule.timesteps, schedule.conditionalRefreshes]).toEqual([
      'dp',
      undefined,
      undefined,
    ]);
  });
});
