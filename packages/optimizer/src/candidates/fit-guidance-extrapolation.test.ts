import { type Denoiser, initialNoise, sampleLatents } from '@cachequant/pipeline';
import { createSampler } from '@cachequant/samplers';
import { memoryStorage, type Tensor, tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import type { CalibrationContext } from '../calibration-context.js';
import { TrajectoryRecorder } from '../observe/trajectory.js';
import type { TensorRecords } from '../work/tensor-records.js';
import { type CallsOfRun, fitAlong, floatRunOf } from './fit-guidance-extrapolation.js';

const CONFIG = { _class_name: 'DDIMScheduler', num_train_timesteps: 1000, clip_sample: false };
const DIMS = [1, 2, 2] as const;
const REFRESHES = new Set([0, 3, 6]);
const EMPTY = { text: tensor('float32', [1, 1]) };

/** Predicts a part of the sample; guidance adds what grows by the same from call to call. */
function denoiser(
  cached: boolean,
  seen?: (sample: Tensor<'float32'>, both: Tensor<'float32'>) => void,
): Denoiser {
  return {
    sampleInput: { name: 'sample', dtype: 'float32', dims: [null, ...DIMS] },
    conditioningInputs: [],
    stats: { fullCalls: 0, cachedCalls: 0 },
    kindOf: () => 'full',
    ...(cached && { conditionalAlone: (call: number) => !REFRESHES.has(call) }),
    async predict({ call, sample, half }) {
      const conditionalFrom = half === 'conditional' ? 0 : sample.data.length / 2;
      const data = sample.data.map((value, i) => 0.1 * value - (i < conditionalFrom ? 0.2 + 0.1 * call : 0));
      const made = tensor('float32', sample.dims, data);
      seen?.(sample, made);
      return made;
    },
    reset() {},
    dispose: async () => {},
  };
}

async function floatRun(): Promise<Parameters<typeof floatRunOf>[0]> {
  const sampler = createSampler(CONFIG, { steps: 9 });
  const calibration = [1, 2].map((seed) => ({ prompt: '', seed, conditioning: EMPTY, unconditional: EMPTY }));
  const context = {
    work: memoryStorage(),
    sampler,
    guidanceScale: 3,
    latentDims: DIMS,
    calibration,
  } as unknown as CalibrationContext;
  const recorder = new TrajectoryRecorder(context);
  const latents: number[] = [];
  const images: TensorRecords[] = [];
  for (const [i, { seed }] of calibration.entries()) {
    recorder.begin(i);
    const calls: [Tensor<'float32'>, Tensor<'float32'>][] = [];
    const float = denoiser(false, (...call) => calls.push(call));
    latents.push(...(await sampled(context, float, seed)));
    for (const [sample, prediction] of calls) await recorder.add(sample, prediction, prediction);
    images.push((await recorder.end())!);
  }
  return { context, trajectory: { images }, latents: Float32Array.from(latents) };
}

async function sampled(
  { guidanceScale, ...context }: CalibrationContext,
  from: Denoiser,
  seed: number,
  sampler = context.sampler,
) {
  const noise = initialNoise([seed], DIMS);
  const guidance = { conditioning: EMPTY, unconditional: EMPTY, guidanceScale };
  return (await sampleLatents({ denoiser: from, sampler, ...noise, ...guidance })).latents.data;
}

const wholeRun = ({ sampler }: CalibrationContext): CallsOfRun => ({
  sampler,
  calls: sampler.timesteps.map((_, call) => call),
});

describe('fitAlong(run, denoiser, calls)', () => {
  it('follows a difference that goes on as it went, and ends nearer to the float model than half of the line', async () => {
    const run = await floatRun();
    const { reach } = await fitAlong(floatRunOf(run), denoiser(true), wholeRun(run.context));
    // Before the second refresh nothing changed yet, and refreshes compute both halves.
    expect([0, 1, 2, 3, 6].map((call) => reach[call])).toEqual([0, 0, 0, 0, 0]);
    for (const call of [4, 5, 7, 8]) expect(reach[call]).toBeGreaterThan((0.5 * (call % 3)) / 3);
    const distance = async (fitted: boolean) => {
      const cached = denoiser(true);
      const made = await sampled(
        run.context,
        fitted ? { ...cached, guidanceExtrapolation: (call) => reach[call] } : cached,
        1,
      );
      return made.reduce((sum, value, i) => sum + Math.abs(value - run.latents[i]!), 0);
    };
    expect(await distance(true)).toBeLessThan(0.5 * (await distance(false)));
  });

  it('ends with the latents that sampling with what was fitted gives, also where calls are left out', async () => {
    const run = await floatRun();
    const kept = [0, 2, 3, 4, 6, 8];
    const timesteps = kept.map((call) => run.context.sampler.timesteps[call]!);
    const some = {
      calls: kept,
      sampler: createSampler({ ...CONFIG, _class_name: 'DPMSolverMultistepScheduler' }, { timesteps }),
    };
    for (const path of [wholeRun(run.context), some]) {
      const { reach, latents } = await fitAlong(floatRunOf(run), denoiser(true), path);
      expect(reach).toHaveLength(path.calls.length);
      const fitted = { ...denoiser(true), guidanceExtrapolation: (call: number) => reach[call] };
      for (const [image, seed] of [1, 2].entries()) {
        const made = await sampled(run.context, fitted, seed, path.sampler);
        for (const [i, value] of latents[image]!.entries()) expect(value).toBeCloseTo(made[i]!, 3);
      }
    }
  });

  it('aims for where the float model was at the next call that is made', async () => {
    const run = await floatRun();
    const asked: string[] = [];
    const known = floatRunOf(run);
    const sampleAt = (image: number, call: number) => {
      asked.push(`${image} ${call}`);
      return known.sampleAt(image, call);
    };
    const calls = [0, 3, 5, 8];
    const timesteps = calls.map((call) => run.context.sampler.timesteps[call]!);
    const sampler = createSampler({ ...CONFIG, _class_name: 'DPMSolverMultistepScheduler' }, { timesteps });
    const alone = { ...denoiser(true), conditionalAlone: (call: number) => call >= 2 };
    await fitAlong({ ...known, sampleAt }, alone, { sampler, calls });
    // The last call of the path leads to the end of the run.
    expect(asked).toEqual(['0 8', '1 8', '0 9', '1 9']);
  });
});
