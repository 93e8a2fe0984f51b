import { readFileSync } from 'node:fs';

/** What the sheet shows, in two rows. None of it is calibrated on. */
export const SHOWN_PROMPTS = [
  'a fox on green',
  'a burger',
  'a ghost and a pumpkin on black',
  'three green frogs',
  'a big pizza on blue',
  'a robot',
  'a crab on yellow',
  'a penguin and a donut',
  'a panda on red',
  'a blue cat',
  'a hedgehog',
  'a koala on green',
] as const;

const { calibration }: { calibration: string[] } = JSON.parse(
  readFileSync(new URL('../../../../models/emoji-eval/prompts.json', import.meta.url), 'utf8'),
);

/** Other things in the same forms: alone, several, small and big, painted, on grounds, in pairs. */
export const CALIBRATION_PROMPTS = calibration;
