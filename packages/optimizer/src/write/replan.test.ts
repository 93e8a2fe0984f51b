import { psnr } from '@cachequant/evaluate';
import {
  type BundlePlanner,
  createBundleGenerator,
  openBundle,
  openPlanner,
  type ReplanOptions,
} from '@cachequant/pipeline';
import { fitCacheOn } from '@cachequant/pipeline/internals';
import { finish } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { planSchedule } from '../candidates/candidate.js';

let made: OptimizedModel;
let planner: BundlePlanner;
const OWN: ReplanOptions = { interval: 2, schedule: 'uniform', correction: 'forecast' };
const REQUEST = { prompt: 'a blue dress', seed: 3 };

beforeAll(async () => {
  made = await optimizedModel({
    ...SMALL_RUN,
    schedule: 'uniform',
    cacheCorrection: 'forecast',
    components: 'keep',
  });
  planner = (await openPlanner(made.out, made.summary.manifest))!;
}, 180_000);
afterAll(() => made.dispose());

async function draw(storage = made.out) {
  const generator = await createBundleGenerator({ storage, runtime: made.runtime });
  const { images, timings } = await generator.generate(REQUEST);
  await generator.dispose();
  return { image: images[0]!, kinds: timings.runs[0]!.calls.map(({ kind }) => kind) };
}

describe('openPlanner', () => {
  it('plans what optimize planned, with its own options', () => {
    const { refreshCalls, tables } = planner.plan(OWN);
    const { chosen } = made.choice;
    expect(refreshCalls).toEqual(chosen.refreshCalls);
    for (const name of ['a0', 'a1', 'b'] as const) {
      const off = tables[name].map((value, at) => Math.abs(value - chosen.tables[name][at]!));
      expect(Math.max(...off), name).toBeLessThan(2e-3);
    }
  });

  it('fits the correction of the paper as optimize would, on the features of the float model', () => {
    const { calibrated, choice } = made;
    const own = finish(fitCacheOn('paper', choice.chosen.refreshCalls, calibrated));
    const { tables } = planner.plan({ ...OWN, correction: 'paper' });
    for (const name of ['a0', 'a1', 'b'] as const) {
      const off = tables[name].map((value, at) => Math.abs(value - own[name][at]!));
      expect(Math.max(...off), name).toBeLessThan(2e-3);
    }
  });

  it('plans for the forecast as optimize would', async () => {
    const { refreshCalls } = planner.plan({ ...OWN, schedule: 'forecast-dp' });
    expect(refreshCalls).toEqual(await planSchedule(made.calibrated, 'forecast-dp', 3));
    const paper = planner.plan({ ...OWN, schedule: 'dp' });
    expect(paper.refreshCalls).toEqual(await planSchedule(made.calibrated, 'dp', 3));
  });

  it('expects more error from plain reuse than from the forecast', () => {
    const forecast = planner.plan(OWN);
    const reuse = planner.plan({ ...OWN, correction: 'none' });
    const sum = (errors: readonly number[]) => errors.reduce((total, error) => total + error, 0);
    expect(sum(reuse.expectedError)).toBeGreaterThan(sum(forecast.expectedError));
  });

  it('applies its own plan without changing the picture, and another one with its calls', async () => {
    const { image } = await draw();
    const own = await draw(await planner.apply(planner.plan(OWN)));
    // The last digits of a coefficient turn some roundings of the integers.
    const likeness = psnr(image, own.image);
    expect(likeness).toBeGreaterThan(30);
    const rarely = planner.plan({ interval: 3, schedule: 'uniform', correction: 'paper' });
    const storage = await planner.apply(rarely);
    expect((await openBundle(storage)).manifest.schedule.refreshCalls).toEqual(rarely.refreshCalls);
    const other = await draw(storage);
    expect(other.kinds.filter((kind) => kind === 'full')).toHaveLength(2);
    expect(psnr(image, other.image)).toBeLessThan(likeness - 3);
  });

  it('gives none for a bundle without moments', async () => {
    const { manifest } = made.summary;
    const files = Object.fromEntries(
      Object.entries(manifest.files).filter(([path]) => !path.startsWith('planning/')),
    );
    expect(await openPlanner(made.out, { ...manifest, files })).toBeUndefined();
  });
});

describe('the manifest of a bundle', () => {
  it('holds colours for previews of four latent channels', () => {
    const { preview } = made.summary.manifest;
    expect(preview?.map((row) => row.length)).toEqual([5, 5, 5]);
    expect(preview?.flat().every(Number.isFinite)).toBe(true);
  });
});
