import { knownNames } from '../known-names.js';

const { kinds, colors } = await knownNames();

/** Pairs of colour and kind in an order that changes both; a third of them is never calibrated on. */
function pairs(heldOut: boolean): string[] {
  const prompts: string[] = [];
  for (const [k, kind] of kinds.entries()) {
    for (const [c, color] of colors.entries()) {
      if (((c + k) % 3 === 0) === heldOut) prompts.push(`a photo of a ${color} ${kind}`);
    }
  }
  // In steps that have no divisor in common with the number of pairs, so that the first few are of every kind.
  return prompts.map((_, i) => prompts[(i * 17) % prompts.length]!);
}

export const CALIBRATION_PROMPTS = pairs(false);
export const HELD_OUT_PROMPTS = pairs(true);
