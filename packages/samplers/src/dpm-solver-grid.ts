import { CacheQuantError } from '@cachequant/tensor';
import type { NoiseConfig } from './noise-schedule.js';
import { linspace, roundHalfEven } from './rounding.js';
import { exponentialSigmas, karrasSigmas, sigmaAt, timestepsOf } from './sigma-spacing.js';
import { leadingTimesteps, type TimestepSpacing, trailingTimesteps } from './timestep-spacing.js';

export interface DpmSolverGridConfig extends NoiseConfig {
  readonly timestep_spacing: TimestepSpacing;
  readonly steps_offset: number;
  readonly use_karras_sigmas: boolean;
  readonly use_exponential_sigmas: boolean;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
  readonly lambda_min_clipped: number;
}

export interface Grid {
  readonly timesteps: readonly number[];
  /** One more than the timesteps. */
  readonly sigmas: readonly number[];
}

/**
 * Timesteps and noise levels of a DPM-Solver++ run.
 * @throws CacheQuantError `invalid-argument` when two calls would share a noise level
 */
export function dpmSolverGrid(config: DpmSolverGridConfig, trainSigmas: Float32Array, steps: number): Grid {
  const last = config.final_sigmas_type === 'zero' ? 0 : trainSigmas[0]!;
  const { timesteps, sigmas } =
    respaced(config, trainSigmas, steps) ?? evenlySpaced(config, trainSigmas, steps);
  const rounded = sigmas.map(Math.fround);
  checkDescending(rounded, steps);
  return { timesteps, sigmas: [...rounded, last] };
}

function respaced(config: DpmSolverGridConfig, trainSigmas: Float32Array, steps: number): Grid | undefined {
  const max = trainSigmas[trainSigmas.length - 1]!;
  const min = trainSigmas[0]!;
  if (config.use_karras_sigmas) {
    const sigmas = karrasSigmas(max, min, steps);
    const toInteger = config.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc : roundHalfEven;
    return { sigmas, timesteps: timestepsOf(sigmas, trainSigmas).map(toInteger) };
  }
  if (config.use_exponential_sigmas) {
    const sigmas = exponentialSigmas(max, min, steps);
    return { sigmas, timesteps: timestepsOf(sigmas, trainSigmas).map(Math.trunc) };
  }
  return undefined;
}

function evenlySpaced(config: DpmSolverGridConfig, trainSigmas: Float32Array, steps: number): Grid {
  const timesteps = spacedWithoutLast(config, clippedLength(trainSigmas, config.lambda_min_clipped), steps);
  return { timesteps, sigmas: timesteps.map((timestep) => sigmaAt(trainSigmas, timestep)) };
}

/** One timestep more than there are steps is laid out, and the last one left away. */
function spacedWithoutLast(config: DpmSolverGridConfig, last: number, steps: number): number[] {
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, last - 1, steps + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1);
    case 'leading':
      return leadingTimesteps(steps + 1, Math.floor(last / (steps + 1)), config.steps_offset).slice(0, -1);
    case 'trailing':
      return trailingTimesteps(last, config.num_train_timesteps / steps, steps);
  }
}

/** How many timesteps have λ = ln(α/σ) of at least the limit. */
function clippedLength(trainSigmas: Float32Array, lambdaMin: number): number {
  return trainSigmas.filter((sigma) => -Math.log(sigma) >= lambdaMin).length;
}

function checkDescending(sigmas: readonly number[], steps: number): void {
  if (sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1]!)) return;
  throw new CacheQuantError('invalid-argument', `${steps} steps are too many for this spacing`, {
    where: 'DPMSolverMultistepScheduler',
    expected: 'a noise level of its own for every call',
    hint: 'Take fewer steps, or another timestep_spacing',
  });
}
