import { readFileSync } from 'node:fs';

/** Kinds and colours that the bundled model was trained on. */
const { kinds, colors }: { kinds: string[]; colors: string[] } = JSON.parse(
  readFileSync(new URL('../../../models/fashion-eval/reference.json', import.meta.url), 'utf8'),
);

/** Every colour with every kind; a third of the pairs is never calibrated on. */
function pairs(heldOut: boolean): string[] {
  const prompts: string[] = [];
  for (let step = 0; step < colors.length * kinds.length; step++) {
    const color = (step * 3) % colors.length;
    const kind = (step + Math.floor(step / (colors.length * kinds.length))) % kinds.length;
    if (((color + kind) % 3 === 0) === heldOut) prompts.push(`a photo of a ${colors[color]} ${kinds[kind]}`);
  }
  return prompts;
}

export const CALIBRATION_PROMPTS = pairs(false);
export const HELD_OUT_PROMPTS = pairs(true);
