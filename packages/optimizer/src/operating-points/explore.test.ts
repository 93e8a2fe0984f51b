import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { rawLabels } from '../__fixtures__/raw-labels.js';
import { optimize } from '../optimize.js';
import type { OptimizeSummary } from '../optimize-summary.js';
import type { NamedStage } from '../work/stage.js';

const OPTIONS = {
  steps: 6,
  guidanceScale: 4,
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a red shoe', 'a fox on green'],
  schedule: 'uniform',
  components: 'keep',
  offCalibrationImages: 0,
} as const;

let folder: string;
let runtime: Runtime;
let made: OptimizeSummary;
const stages: string[] = [];
const told: NamedStage[] = [];

function run(target: { maxLatency?: number; minPsnr?: number }, out: string): Promise<OptimizeSummary> {
  stages.length = 0;
  return optimize({
    source: modelStorage('tiny/sd'),
    work: nodeStorage(join(folder, 'work')),
    out: nodeStorage(join(folder, out)),
    runtime,
    options: { ...OPTIONS, prompts: [...OPTIONS.prompts], ...target },
    onStage: (stage, reused) => {
      told.push(stage);
      if (!reused) stages.push(stage.id);
    },
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cachequant-points-'));
  runtime = await createNodeRuntime({ threads: 1 });
  made = await run({ minPsnr: 10 }, 'fastest');
}, 300_000);
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

describe('optimize with a target', () => {
  it('measures every interval in both precisions, and takes the fastest point that keeps to a floor', () => {
    const { points, front, chosen } = made.operatingPoints!;
    const tried = points.map(({ steps, interval, bits }) => `${steps} ${interval} ${bits}`);
    expect(tried).toEqual(['6 1 w8a8', '6 1 none']);
    expect(front[0]).toEqual(chosen);
    expect(points.every(({ psnr }) => psnr >= 10)).toBe(true);
  });

  it('tells of each point in words', () => {
    const kinds = told.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['without-cache', 'point']));
    // A bundle's own calibration context comes to the stages of its point again.
    const distinct = new Map(told.map((stage) => [stage.id, stage]));
    expect([...distinct.keys()]).toEqual(expect.arrayContaining(['i1-point', 'float-i1-point']));
    expect(rawLabels([...distinct.values()])).toEqual([]);
  });

  it('finds float without a cache to be the original', () => {
    const float = made.operatingPoints!.points.find(({ bits }) => bits === 'none')!;
    expect(float.psnr).toBeGreaterThan(75);
  });

  it('writes a bundle that keeps every call full where no cache is taken', () => {
    const { manifest, verification } = made;
    expect(manifest.schedule).toMatchObject({ interval: 1, refreshCalls: [0, 1, 2, 3, 4, 5, 6] });
    expect(verification.cacheHits).toEqual({ full: 7, cached: 0 });
    expect(manifest.bits.target).toBe(made.operatingPoints!.chosen.bits === 'none' ? 'float' : 'portable');
  });

  it('goes on from what was measured for another target', async () => {
    const best = await run({ minPsnr: 75 }, 'best');
    expect(best.operatingPoints!.chosen.bits).toBe('none');
    expect(best.verification.psnr).toBeGreaterThan(75);
    // Nothing is measured again; the stages that finish a bundle are of this one alone.
    const finished = made.operatingPoints!.chosen.bits === 'none';
    const finishing = ['float-i1-float-variants', 'float-i1-verify'];
    expect(stages.filter((name) => name !== 'bundle')).toEqual(finished ? [] : finishing);
  });

  it('says what there is when nothing keeps to the target', async () => {
    await expect(run({ maxLatency: 0.001 }, 'none')).rejects.toThrow(
      /maxLatency: no way to run the model keeps to the target \(expected 0.001 ms at most, got from .* ms at /,
    );
  });
});
