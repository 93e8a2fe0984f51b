import type { SchedulerConfig } from './component-configs.js';

/** What a folder's sampler says of a model that was distilled to few steps. */
export interface FewStepDefaults {
  readonly steps: number;
  readonly guidanceScale: number;
  /** What the user should know where this was guessed; undefined where it is certain. */
  readonly note: string | undefined;
}

const STEPS = 4;
const TRAILING = new Set(['EulerDiscreteScheduler', 'EulerAncestralDiscreteScheduler']);

/**
 * Steps and guidance of models that were distilled to few steps, as their folders' samplers tell them: consistency
 * samplers serve no others, and SD-Turbo, SDXL-Turbo and SDXL-Lightning come with Euler's and trailing timesteps. Models
 * trained to zero signal-to-noise have trailing timesteps as well, and are told by `rescale_betas_zero_snr` or
 * `v_prediction`.
 * @returns undefined for samplers of other models
 */
export function fewStepDefaults(config: SchedulerConfig | undefined): FewStepDefaults | undefined {
  const name = config?._class_name ?? '';
  if (name === 'LCMScheduler') return { steps: STEPS, guidanceScale: 1, note: undefined };
  if (name === 'TCDScheduler') return { steps: STEPS, guidanceScale: 0, note: undefined };
  const { timestep_spacing: spacing, prediction_type: prediction = 'epsilon' } = config ?? {};
  const zeroSnr = config?.rescale_betas_zero_snr === true || prediction !== 'epsilon';
  if (!TRAILING.has(name) || spacing !== 'trailing' || zeroSnr) return undefined;
  return {
    steps: STEPS,
    guidanceScale: 0,
    note: `${name} with trailing timesteps is the sampler of models distilled to few steps: where the request does not say, it takes ${STEPS} steps without guidance.`,
  };
}
