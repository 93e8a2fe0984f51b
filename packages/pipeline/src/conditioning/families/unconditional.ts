import type { ConditioningFamily } from '../conditioning-encoder.js';

/** Models that are conditioned on nothing: DDPM, LDM without text, and the like. */
export const unconditionalFamily: ConditioningFamily = {
  name: 'unconditional',
  takesText: false,
  guided: false,
  accepts: ({ folder, inputs }) => folder.textEncoder === undefined && inputs.length === 0,
  open: async () => ({ encode: async () => ({}), dispose: async () => {} }),
};
