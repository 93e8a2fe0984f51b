import type { RunLayout } from '../run-layout.js';
import { type NoiseConfig, noiseToSignal, nonZeroAlphaBars } from './noise-schedule.js';
import { checkListed, type Respacing, respacedSigmas, respacingKind } from './respaced-sigmas.js';
import { linspace } from './rounding.js';
import { sigmaAt, timestepsOf } from './sigma-spacing.js';
import {
  evenTimesteps,
  type SpacingOptions,
  spacedTimesteps,
  type TimestepSpacing,
} from './timestep-spacing.js';

export interface SigmaGridConfig extends NoiseConfig, Partial<Respacing> {
  readonly timestep_spacing: TimestepSpacing;
  readonly steps_offset: number;
  readonly sigma_min?: number | null;
  readonly sigma_max?: number | null;
  readonly interpolation_type?: 'linear' | 'log_linear';
  readonly final_sigmas_type?: 'zero' | 'sigma_min';
}

/** One timestep and noise level a step, of the methods that work on x/α. */
export interface SigmaGrid {
  readonly timesteps: readonly number[];
  /** σ/α at each step, and after the last one. */
  readonly sigmas: readonly number[];
  readonly initNoiseSigma: number;
  /** σ/α of every training timestep. */
  readonly trainSigmas: Float32Array;
}

/**
 * Lays out the noise levels of a run.
 * @throws CacheQuantError `unsupported` where two spacings are asked for at once
 */
export function sigmaGrid(config: SigmaGridConfig, layout: RunLayout): SigmaGrid {
  const trainSigmas = noiseToSignal(nonZeroAlphaBars(config));
  const { timesteps, sigmas } =
    layout.sigmas === undefined
      ? spacedLevels(config, layout, trainSigmas)
      : { sigmas: layout.sigmas, timesteps: timestepsOf(layout.sigmas, trainSigmas) };
  const last = config.final_sigmas_type === 'sigma_min' ? trainSigmas[0]! : 0;
  const rounded = [...sigmas, last].map(Math.fround);
  return {
    timesteps: timesteps.map(Math.fround),
    sigmas: rounded.slice(0, timesteps.length + 1),
    initNoiseSigma: initNoiseSigma(rounded, config.timestep_spacing),
    trainSigmas,
  };
}

function spacedLevels(config: SigmaGridConfig, layout: RunLayout, trainSigmas: Float32Array) {
  const timesteps = layout.timesteps ?? fractionalTimesteps(config, layout.steps);
  const sigmas =
    config.interpolation_type === 'log_linear'
      ? logLinearSigmas(trainSigmas, layout.steps)
      : timesteps.map((timestep) => sigmaAt(trainSigmas, timestep));
  const {
    use_karras_sigmas = false,
    use_exponential_sigmas = false,
    use_beta_sigmas = false,
    sigma_max: max,
    sigma_min: min,
  } = config;
  const kind = respacingKind({ use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas });
  checkListed(layout, kind ?? (config.interpolation_type === 'log_linear' ? 'log_linear' : undefined));
  if (kind === undefined) return { timesteps, sigmas };
  const respaced = respacedSigmas(kind, max ?? sigmas[0]!, min ?? sigmas.at(-1)!, layout.steps);
  return { sigmas: respaced, timesteps: timestepsOf(respaced, trainSigmas) };
}

/** Timesteps in float32, which `linspace` leaves fractional. */
function fractionalTimesteps(config: SigmaGridConfig, steps: number): number[] {
  const options: SpacingOptions = {
    steps,
    trainSteps: config.num_train_timesteps,
    offset: config.steps_offset,
    spacing: config.timestep_spacing,
  };
  return options.spacing === 'linspace' ? evenTimesteps(options).map(Math.fround) : spacedTimesteps(options);
}

/** One level more than there are steps: the run ends at the smallest of training. */
function logLinearSigmas(trainSigmas: Float32Array, steps: number): number[] {
  return linspace(Math.log(trainSigmas.at(-1)!), Math.log(trainSigmas[0]!), steps + 1).map(Math.exp);
}

/** What unit noise is scaled by, so that the first sample has the variance of the noised data. */
function initNoiseSigma(sigmas: readonly number[], spacing: TimestepSpacing): number {
  const max = Math.max(...sigmas);
  return spacing === 'leading' ? Math.fround(Math.sqrt(max * max + 1)) : max;
}

/** The factor that brings a sample x0 + σ·ε to unit variance. */
export function unitVarianceScale(sigma: number): number {
  return 1 / Math.sqrt(sigma * sigma + 1);
}
