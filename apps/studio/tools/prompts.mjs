// @ts-check
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './paths.mjs';

/** @type {{ calibration: string[] }} */
const { calibration } = JSON.parse(
  readFileSync(path.join(repository, 'models/emoji-eval/prompts.json'), 'utf8'),
);

/** Things alone, several, small and big, painted, on grounds, in pairs, as visitors ask for them. */
export const calibrationPrompts = calibration;

/** Others in the same forms. */
export const heldOutPrompts = [
  'a fox on green',
  'three green frogs',
  'a burger',
  'a ghost and a pumpkin on black',
  'a big pizza on blue',
  'a blue cat',
  'a panda on red',
  'a penguin and a donut',
];
