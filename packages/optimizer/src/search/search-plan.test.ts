import { createNodeRuntime } from '@cachequant/runtime-node';
import {
  type CallAction,
  type CallPlan,
  callPlanCost,
  callPlanOf,
  callPlanText,
  stepPlanError,
} from '@cachequant/scheduler';
import { finish, type Runtime } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { type CalibratedModel, calibrateModel } from '../calibrated-model.js';
import { sampleCalibration } from '../calibration-context.js';
import { buildSearchedCandidate } from '../candidates/candidate.js';
import { named } from '../candidates/model-variants.js';
import { loadVariant, samplerOf } from '../candidates/variant.js';
import { type OpenCalibrationContext, openCalibrationContext } from '../prepare/open-calibration-context.js';
import { readRun } from './float-run.js';
import { scorePlan } from './plan-scores.js';
import { withScoringModel } from './scoring-model.js';
import { measureSearchLimits } from './search-limits.js';
import { chosenCalls, type PlanSearchOptions, searchPlan } from './search-plan.js';
import { measureStepErrors } from './step-errors.js';

const CALLS = 12;
const COSTS = { full: 1, conditional: 0.55, cached: 0.2 };
const OPTIONS: PlanSearchOptions = {
  costs: COSTS,
  budget: 6,
  evaluations: 14,
  images: 2,
  schedules: [[0, 4, 8]],
  name: 'test',
};

const work = memoryStorage();
const source = modelStorage('fashion-sd');
let runtime: Runtime;
let opened: OpenCalibrationContext;
let calibrated: CalibratedModel;

const open = (signal?: AbortSignal) =>
  openCalibrationContext({
    source,
    work,
    runtime,
    ...(signal && { signal }),
    options: {
      sampler: 'dpm-solver++',
      steps: CALLS,
      interval: 3,
      guidanceScale: 4,
      schedule: 'search',
      bits: 'none',
      calibrationImages: 2,
      verificationImages: 1,
      prompts: ['a red sneaker', 'a blue dress'],
    },
  });
const calibrate = ({ context, runner, inputDims, prepared }: OpenCalibrationContext) =>
  calibrateModel(context, runner, { inputDims, model: prepared.model });

beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  opened = await open();
  calibrated = await calibrate(opened);
}, 120_000);
afterAll(async () => {
  await opened.dispose();
  await runtime.dispose();
});

/** What a variant's final latents measure, in the units of the search. */
async function latentDecibels(plan: CallPlan): Promise<number> {
  const { context, latents } = calibrated;
  const apart = named(calibrated, `plan-${callPlanCost(plan, COSTS)}`);
  const { variant } = await buildSearchedCandidate(apart, chosenCalls(context, plan));
  const denoiser = await loadVariant(context, variant);
  const decibels: number[] = [];
  try {
    await sampleCalibration(context, denoiser, {
      sampler: samplerOf(context, variant),
      after: (image, { data }) => {
        const square = data.reduce(
          (sum, value, i) => sum + (value - latents[image * data.length + i]!) ** 2,
          0,
        );
        decibels.push(-10 * Math.log10(square / data.length));
      },
    });
  } finally {
    await denoiser.dispose();
  }
  return decibels.reduce((sum, value) => sum + value, 0) / decibels.length;
}

describe('scorePlan(model, plan)', () => {
  const score = async (plan: CallPlan) => {
    const run = await readRun(calibrated, 2);
    return withScoringModel(calibrated, run, (model) => scorePlan(model, plan));
  };
  const planOf = (letters: string) =>
    [...letters].map(
      (letter) => ({ F: 'full', H: 'conditional', c: 'cached', '·': 'skipped' })[letter] as CallAction,
    );

  it('is the best there is where every call is full, since that is the float model', async () => {
    const all = [...Array(CALLS).keys()];
    expect(await score(callPlanOf(CALLS, all, all))).toBeGreaterThan(80);
  });

  it.each(['FFcFccFccFcc', 'F·cFc·Fc·Fcc', 'F·F·F·F·F·F·', 'FcFcHccHc·Hc'])(
    'of %s is what the graphs of a bundle with these calls measure, with the correction in their tables',
    async (letters) => {
      const plan = planOf(letters);
      // The shrinkage of the correction is chosen for the schedule there.
      expect(Math.abs((await latentDecibels(plan)) - (await score(plan)))).toBeLessThan(0.3);
    },
    60_000,
  );
});

describe('measureStepErrors(run)', () => {
  it('has no error where the step is the one that the float model made, and more for longer steps', async () => {
    const { points, error } = finish(measureStepErrors(await readRun(calibrated, 2)));
    const stepError = (from: number, to: number) => error[from * (points + 1) + to]!;
    expect(points).toBe(CALLS);
    for (let from = 1; from < points; from++) expect(stepError(from, from + 1)).toBeLessThan(1e-4);
    for (const from of [2, 5]) expect(stepError(from, from + 4)).toBeGreaterThan(stepError(from, from + 2));
    expect(stepPlanError({ points, error }, [0, 4, 8])).toBeGreaterThan(
      stepPlanError({ points, error }, [0, 2, 4, 6, 8, 10]),
    );
  });
});

describe('measureSearchLimits(calibrated)', () => {
  it('measures a full call, one of half as much, and one from the cache', async () => {
    const { costs, scoreMs } = await measureSearchLimits(calibrated);
    expect(costs.cached).toBeLessThan(costs.full);
    expect(costs.conditional).toBeLessThan(costs.full);
    expect(scoreMs).toBeGreaterThan(0);
  });
});

describe('searchPlan(calibrated, options)', () => {
  it('finds a plan within the budget, never worse than the best it began with', async () => {
    const told: number[] = [];
    const context = { ...calibrated.context, onProgress: (done: number) => told.push(done) };
    const found = await searchPlan({ ...calibrated, context }, { ...OPTIONS, name: 'whole' });
    expect(found.cost).toBe(callPlanCost(found.plan, COSTS));
    expect(found.cost).toBeLessThanOrEqual(OPTIONS.budget);
    expect(found.score).toBeGreaterThanOrEqual(found.start.score);
    expect(found.scored).toBeLessThanOrEqual(OPTIONS.evaluations);
    expect(told.at(-1)).toBe(OPTIONS.evaluations);
  }, 60_000);

  it('goes on where it was stopped, and comes to the same plan', async () => {
    const whole = await searchPlan(calibrated, { ...OPTIONS, name: 'whole' });
    const stop = new AbortController();
    const asked: number[] = [];
    const stopping = {
      ...calibrated.context,
      signal: stop.signal,
      onProgress: (done: number) => {
        asked.push(done);
        if (done === 8) stop.abort();
      },
    };
    const options = { ...OPTIONS, name: 'stopped' };
    await expect(searchPlan({ ...calibrated, context: stopping }, options)).rejects.toMatchObject({
      code: 'aborted',
    });
    let calls = 0;
    const counting: Runtime = {
      ...runtime,
      load: async (...given: Parameters<Runtime['load']>) => {
        const session = await runtime.load(...given);
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (...feeds) => {
            calls += 1;
            return session.run(...feeds);
          },
          endProfiling: () => session.endProfiling(),
          dispose: () => session.dispose(),
        };
      },
      capabilities: () => runtime.capabilities(),
      dispose: () => runtime.dispose(),
    };
    const context = { ...calibrated.context, runtime: counting };
    const resumed = await searchPlan({ ...calibrated, context }, options);
    expect(callPlanText(resumed.plan)).toBe(callPlanText(whole.plan));
    expect([resumed.score, resumed.scored]).toEqual([whole.score, whole.scored]);
    // No plan has more calls than the sampler, and two images make each of them.
    expect(calls).toBeLessThan(2 * CALLS * (whole.scored - 8));
    expect(calls).toBeGreaterThan(0);
  }, 120_000);
});
