import { describe, expect, it } from 'vitest';
import { createSampler } from './create-sampler.js';
import {
  alphaBars,
  type NoiseConfig,
  type NoiseLevel,
  noiseLevelOfRatio,
} from './schedules/noise-schedule.js';
import { dpmSolverUpdate } from './solvers/dpm-solver-update.js';

/** Standard deviation of the data, which are normal; the best denoiser and the solution are known exactly then. */
const SPREAD = 0.5;

/** Many training timesteps, so that the integers among them are no limit to how small steps are. */
const FINE_SCHEDULE = {
  num_train_timesteps: 32_768,
  beta_start: 0.5e-5,
  beta_end: 6e-4,
  beta_schedule: 'linear',
  trained_betas: null,
} satisfies NoiseConfig;

const BARS = alphaBars(FINE_SCHEDULE);

/** Standard deviation of a sample with this much signal and noise. */
function deviation(alphaBar: number): number {
  return Math.sqrt(alphaBar * SPREAD ** 2 + 1 - alphaBar);
}

/** The expected noise in a sample, given the sample. */
function idealNoise(sample: Float32Array, alphaBar: number): Float32Array {
  const factor = Math.sqrt(1 - alphaBar) / deviation(alphaBar) ** 2;
  return sample.map((x) => factor * x);
}

/** The expected clean sample, given the sample. */
function idealSample(x: number, { signal, alphaBar }: NoiseLevel): number {
  return (signal * SPREAD ** 2 * x) / deviation(alphaBar) ** 2;
}

/** Before the last call, which goes to a noise level of 0 in first order. */
const LAST_CALL = -1;

/** |result / exact − 1| for the probability flow ODE from the first noise level to the last one or to `until`. */
function relativeError(config: Record<string, unknown>, steps: number, until?: number): number {
  const sampler = createSampler({ ...FINE_SCHEDULE, ...config }, { steps });
  const stop = until === LAST_CALL ? sampler.calls - 1 : sampler.timesteps.indexOf(until!);
  const calls = until === undefined ? sampler.calls : stop;
  const barAt = (call: number) =>
    sampler.sigmas === undefined ? BARS[sampler.timesteps[call]!]! : 1 / (1 + sampler.sigmas[call]! ** 2);
  let state = sampler.start(Float32Array.of(1));
  const start = sampler.modelInput(state)[0]!;
  while (state.call < calls) {
    state = sampler.step(state, idealNoise(sampler.modelInput(state), barAt(state.call)));
  }
  const isVarianceExploding = sampler.initNoiseSigma !== 1;
  const last = barAt(calls);
  const result = state.sample[0]! * (isVarianceExploding ? Math.sqrt(last) : 1);
  return Math.abs(result / ((start * deviation(last)) / deviation(barAt(0))) - 1);
}

/** The slope of the error over the number of steps in logarithms, by least squares; positive when it falls. */
function measuredOrder(
  config: Record<string, unknown>,
  stepCounts: readonly number[],
  until?: number,
): number {
  const points = stepCounts.map(
    (steps) => [Math.log(steps), Math.log(relativeError(config, steps, until))] as const,
  );
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return -covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

const DPM_SOLVER = {
  _class_name: 'DPMSolverMultistepScheduler',
  use_exponential_sigmas: true,
  final_sigmas_type: 'sigma_min',
  lower_order_final: false,
};

const EULER = {
  _class_name: 'EulerDiscreteScheduler',
  use_exponential_sigmas: true,
  sigma_min: 0.01,
  final_sigmas_type: 'sigma_min',
};

const DDIM = { _class_name: 'DDIMScheduler', set_alpha_to_one: false, clip_sample: false };
const PLMS = { _class_name: 'PNDMScheduler', skip_prk_steps: true };
const RUNGE_KUTTA = { _class_name: 'PNDMScheduler', skip_prk_steps: false };

const EXPONENTIAL = { use_exponential_sigmas: true, final_sigmas_type: 'sigma_min' };
const UNIPC = { ...EXPONENTIAL, _class_name: 'UniPCMultistepScheduler' };
const DEIS = { ...EXPONENTIAL, _class_name: 'DEISMultistepScheduler' };
const SINGLESTEP = { ...EXPONENTIAL, _class_name: 'DPMSolverSinglestepScheduler' };

/** An eighth of the schedule: near timestep 0 equal steps in time are no longer small in log σ. */
const EARLY_STOP = FINE_SCHEDULE.num_train_timesteps / 8;

describe('step converges to the exact solution', () => {
  it.each([
    ['Euler in first order', EULER, 1],
    ['DPM-Solver++ of order 1 in first order', { ...DPM_SOLVER, solver_order: 1 }, 1],
    ['DPM-Solver++ of order 2 in second order', { ...DPM_SOLVER, solver_order: 2 }, 2],
    ['DPM-Solver++ with heun in second order', { ...DPM_SOLVER, solver_order: 2, solver_type: 'heun' }, 2],
    ['UniPC of order 1 in second order, by its corrector', { ...UNIPC, solver_order: 1 }, 2],
    ['UniPC of order 2 in third order', { ...UNIPC, solver_order: 2 }, 3],
    ['UniPC of noise, order 1, in second order', { ...UNIPC, solver_order: 1, predict_x0: false }, 2],
    ['DEIS of order 1 in first order', { ...DEIS, solver_order: 1 }, 1],
    ['DEIS of order 2 in second order', { ...DEIS, solver_order: 2 }, 2],
    ['DPM-Solver++ single step of order 1 in first order', { ...SINGLESTEP, solver_order: 1 }, 1],
    ['DPM-Solver++ single step of order 2 in second order', { ...SINGLESTEP, solver_order: 2 }, 2],
  ])('%s', (_, config, order) => {
    expect(Math.abs(measuredOrder(config, [32, 64, 128, 256]) - order)).toBeLessThan(0.15);
  });

  it.each([
    ['DDIM in first order', DDIM, 1],
    ['PLMS in second order', PLMS, 2],
    ['PNDM with Runge–Kutta in second order', RUNGE_KUTTA, 2],
  ])('%s', (_, config, order) => {
    expect(Math.abs(measuredOrder(config, [64, 128, 256], EARLY_STOP) - order)).toBeLessThan(0.15);
  });
});

describe('step before the last converges to the exact solution', () => {
  it.each([
    ['Heun in second order', 'HeunDiscreteScheduler', 2],
    ['KDPM2 in second order', 'KDPM2DiscreteScheduler', 2],
  ])('%s', (_, name, order) => {
    const config = { _class_name: name, use_exponential_sigmas: true };
    expect(Math.abs(measuredOrder(config, [32, 64, 128, 256], LAST_CALL) - order)).toBeLessThan(0.2);
  });
});

describe('LMS', () => {
  it('falls faster than in third order, though it starts with Euler', () => {
    const config = { _class_name: 'LMSDiscreteScheduler', use_exponential_sigmas: true };
    expect(measuredOrder(config, [32, 64, 128, 256], LAST_CALL)).toBeGreaterThan(3);
  });
});

describe('DPM-Solver++ of order 3', () => {
  const second = { ...DPM_SOLVER, solver_order: 2 };
  const third = { ...DPM_SOLVER, solver_order: 3 };

  it.each([32, 64, 128])('has a third to a half of the error of order 2 in %i steps', (steps) => {
    const ratio = relativeError(third, steps) / relativeError(second, steps);
    expect(ratio).toBeGreaterThan(0.3);
    expect(ratio).toBeLessThan(0.5);
  });
});

describe('dpmSolverUpdate', () => {
  /** The error of one step of λ-length h from an exact sample with exact outputs behind it. */
  function localError(order: number, h: number): number {
    const levels = Array.from({ length: order + 1 }, (_, age) =>
      noiseLevelOfRatio(Math.exp(0.5 + (age - 1) * h)),
    );
    const [target, ...behind] = levels as [NoiseLevel, ...NoiseLevel[]];
    const exact = (level: NoiseLevel) => Float32Array.of(deviation(level.alphaBar));
    const result = dpmSolverUpdate({
      outputs: behind.map((level) => exact(level).map((x) => idealSample(x, level))),
      levels: behind,
      target,
      sample: exact(behind[0]!),
      solverType: 'midpoint',
    });
    return Math.abs(result[0]! - deviation(target.alphaBar));
  }

  it.each([1, 2])('of order %i errs by h to the power of one more in a single step', (order) => {
    const measured = Math.log2(localError(order, 0.4) / localError(order, 0.2));
    expect(Math.abs(measured - order - 1)).toBeLessThan(0.25);
  });
});
