import { CacheQuantError } from '@cachequant/tensor';
import type { SamplerDefinition } from './definition.js';

/**
 * Fields of diffusers' schedulers that are not here. A class ignores the fields of others, as diffusers does: a
 * configuration keeps them when it changes class.
 */
const FIELDS_OF_OTHERS: ReadonlySet<string> = new Set(
  `alpha_cum_end alpha_cum_start beta_max beta_min block_length correct_steps corrector_k corrector_order
  corrector_selection corrector_selection_tau corrector_steps editing_threshold entropy_bound eps eta
  final_step_size_scale gamma gamma_cum_end gamma_cum_start kwargs mask_token_id masking_schedule minimal_topk n_grid
  noise_mode num_inference_steps num_policy_substeps num_vec_classes predictor_order s s_churn s_max s_min sampling_eps
  scale_factors scaler schedule_mode scheduler_type snr snr_shift_scale stage_range stages t_lim_ode t_lim_ode_below
  t_max t_min tail_step_multiplier tail_steps tau_func threshold tsr_k tsr_sigma upscale_mode`.split(/\s+/),
);

/** Fields of older versions of diffusers, and whether a value asks for what is done anyway. */
const OLDER_FIELDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['tensor_format', () => true],
  ['predict_epsilon', (value: unknown) => value !== false],
]);

/**
 * Refuses fields that no scheduler has: one that was misspelt, or that is newer than this version, may ask for other
 * numbers than would come out. What is null, false or empty asks for nothing.
 * @throws CacheQuantError `unsupported`, naming field and value
 */
export function checkKnownFields(
  record: Record<string, unknown>,
  definitions: readonly SamplerDefinition[],
): void {
  const known = new Set(definitions.flatMap(({ fields }) => fields));
  const unknown = Object.entries(record).find(
    ([field, value]) =>
      !field.startsWith('_') &&
      !known.has(field) &&
      !FIELDS_OF_OTHERS.has(field) &&
      !(OLDER_FIELDS.get(field) ?? asksForNothing)(value),
  );
  if (unknown === undefined) return;
  const [field, value] = unknown;
  throw new CacheQuantError(
    'unsupported',
    `${field} is ${JSON.stringify(value)}, and no sampler has this field`,
    {
      where: 'scheduler config',
      expected: 'fields of diffusers 0.42 schedulers',
      got: `${field} ${JSON.stringify(value)}`,
      hint: 'Check its spelling; if it changes nothing, remove it from the configuration',
    },
  );
}

function asksForNothing(value: unknown): boolean {
  return value === null || value === false || (Array.isArray(value) && value.length === 0);
}
