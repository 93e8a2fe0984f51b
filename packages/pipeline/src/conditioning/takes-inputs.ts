import type { ConditionedModel } from './conditioning-encoder.js';

/** Whether a denoiser is conditioned by inputs of these names, and by no others. */
export function takesInputs({ inputs }: ConditionedModel, names: readonly string[]): boolean {
  return inputs.length === names.length && inputs.every(({ name }) => names.includes(name));
}
