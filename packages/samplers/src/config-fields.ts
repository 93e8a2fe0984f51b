import { z } from 'zod';

/** The noise schedule that a class was made for; defaults differ between classes. */
export function noiseFieldsOf(start: number, end: number, schedule: 'linear' | 'scaled_linear') {
  return {
    num_train_timesteps: trainStepsField(1000),
    beta_start: z.number().min(0).lt(1).default(start),
    beta_end: z.number().min(0).lt(1).default(end),
    beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default(schedule),
    trained_betas: z.array(z.number().min(0).lt(1)).nullable().default(null),
  };
}

export function trainStepsField(count: number) {
  return z.int().min(2).max(100_000).default(count);
}

const offsetField = z.int().min(0).default(0);

/** Fields of the classes that were made for pixels, with the defaults of diffusers. */
export const noiseFields = { ...noiseFieldsOf(0.0001, 0.02, 'linear'), steps_offset: offsetField };

/** Fields of the classes after k-diffusion's methods of second order. */
export const latentNoiseFields = { ...noiseFieldsOf(0.00085, 0.012, 'linear'), steps_offset: offsetField };

/** Fields of the classes for distilled models. */
export const distilledNoiseFields = {
  ...noiseFieldsOf(0.00085, 0.012, 'scaled_linear'),
  steps_offset: offsetField,
};

export const anyPrediction = z.enum(['epsilon', 'v_prediction', 'sample']).default('epsilon');
export const noiseOrVelocity = z.enum(['epsilon', 'v_prediction']).default('epsilon');
export const anyOrFlow = z.enum(['epsilon', 'v_prediction', 'sample', 'flow_prediction']).default('epsilon');

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

/** How noise levels are spaced, for the classes that know other spacings than that of the timesteps. */
export const respacingFields = {
  use_karras_sigmas: flag(),
  use_exponential_sigmas: flag(),
  use_beta_sigmas: flag(),
};

export const finalSigmaField = z.enum(['zero', 'sigma_min']).default('zero');

/** Flow matching in the multistep classes. */
export const multistepFlowFields = {
  use_flow_sigmas: flag(),
  flow_shift: z.number().gt(0).default(1),
  use_dynamic_shifting: flag(),
  time_shift_type: z.literal('exponential').default('exponential'),
};

/** A noise level that the schedule's own is replaced by. */
export const sigmaBoundField = z.number().gt(0).nullable().default(null);

/** Solver types of other classes are read as the class's own, as diffusers does when a configuration changes class. */
export function solverTypeField<T extends string>(own: readonly [T, ...T[]]) {
  return z
    .enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])
    .optional()
    .transform((type): T => own.find((known) => known === type) ?? own[0]);
}

/** The preconditioning and the noise levels of Karras et al.'s models. */
export const edmFields = {
  sigma_min: z.number().gt(0).default(0.002),
  sigma_max: z.number().gt(0).default(80),
  sigma_data: z.number().gt(0).default(0.5),
  sigma_schedule: z.enum(['karras', 'exponential']).default('karras'),
  num_train_timesteps: trainStepsField(1000),
  prediction_type: noiseOrVelocity,
  rho: z.number().gt(0).default(7),
  final_sigmas_type: finalSigmaField,
};

export function flag() {
  return z
    .boolean()
    .nullable()
    .default(false)
    .transform((value) => value ?? false);
}

/** The least λ of a run; `-Infinity` in Python's JSON. */
const lambdaField = z
  .custom<number | null>((value) => value === null || (typeof value === 'number' && !Number.isNaN(value)), {
    message: 'expected a number or -Infinity',
  })
  .default(Number.NEGATIVE_INFINITY)
  .transform((value) => value ?? Number.NEGATIVE_INFINITY);

/** Fields that both forms of DPM-Solver have; the noise schedule and `lower_order_final` differ. */
export const dpmSolverFields = {
  ...thresholdFields,
  ...respacingFields,
  ...multistepFlowFields,
  final_sigmas_type: finalSigmaField,
  solver_order: z.int().min(1).max(3).default(2),
  prediction_type: anyOrFlow,
  algorithm_type: z.enum(['dpmsolver++', 'sde-dpmsolver++', 'deis']).default('dpmsolver++'),
  solver_type: solverTypeField(['midpoint', 'heun']),
  lambda_min_clipped: lambdaField,
  variance_type: z.enum(['learned', 'learned_range']).nullable().default(null),
};
