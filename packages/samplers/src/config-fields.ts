import { z } from 'zod';

/** Fields that every class has, with the defaults of diffusers. */
export const noiseFields = {
  num_train_timesteps: z.int().min(2).max(100_000).default(1000),
  beta_start: z.number().min(0).lt(1).default(0.0001),
  beta_end: z.number().min(0).lt(1).default(0.02),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('linear'),
  trained_betas: z.array(z.number().min(0).lt(1)).nullable().default(null),
  steps_offset: z.int().min(0).default(0),
};

export const anyPrediction = z.enum(['epsilon', 'v_prediction', 'sample']).default('epsilon');
export const noiseOrVelocity = z.enum(['epsilon', 'v_prediction']).default('epsilon');

/** Timestep spacing; which one is the default differs between classes. */
export const spacingField = z.enum(['linspace', 'leading', 'trailing']);

export const rescaleField = z.boolean().default(false);

/** Dynamic thresholding. */
export const thresholdFields = {
  thresholding: z.boolean().default(false),
  dynamic_thresholding_ratio: z.number().gt(0).max(1).default(0.995),
  sample_max_value: z.number().min(1).default(1),
};

/** Plain clipping of the predicted clean sample. */
export const clipFields = {
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().gt(0).default(1),
};

/** How noise levels are spaced, for the classes that know Karras et al.'s spacing. */
export const sigmaFields = {
  use_karras_sigmas: flag(),
  use_exponential_sigmas: flag(),
  use_beta_sigmas: switchedOff(),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
};

/** A feature that only its absence is supported of. */
export function switchedOff() {
  return z
    .literal([false, null])
    .default(false)
    .transform(() => false as const);
}

function flag() {
  return z
    .boolean()
    .nullable()
    .default(false)
    .transform((value) => value ?? false);
}
