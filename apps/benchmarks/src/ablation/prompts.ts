import { knownNames } from '../known-names.js';

export interface PromptSplit {
  readonly calibration: readonly string[];
  /** Never calibrated on. */
  readonly heldOut: readonly string[];
}

/** Every colour with every kind that the model knows; a third of the pairs is held out. */
export async function splitPrompts(): Promise<PromptSplit> {
  const { kinds, colors } = await knownNames();
  const pairs = colors.flatMap((color, i) =>
    kinds.map((kind, j) => ({
      prompt: `a photo of a ${color} ${kind}`,
      heldOut: (i + j) % 3 === 0,
      order: (7 * i + 3 * j) % 11,
    })),
  );
  // Neighbours in the list differ in both, so that a few images already show much.
  pairs.sort((a, b) => a.order - b.order);
  const chosen = (heldOut: boolean) =>
    pairs.filter((pair) => pair.heldOut === heldOut).map(({ prompt }) => prompt);
  return { calibration: chosen(false), heldOut: chosen(true) };
}
