import { emojiPrompts } from '../emoji-prompts.js';
import type { AblationModel, Subject } from './ablation-model.js';

const subjectsOf = (prompts: readonly string[]): Subject[] =>
  prompts.map((prompt) => ({ prompt, caption: prompt }));

/** 1,024 tokens at the top, where attention costs most. */
export const emojiSd: AblationModel = {
  name: 'emoji-sd',
  guidanceScale: 3,
  latentDims: [4, 32, 32],
  pictureSize: 128,
  evaluator: { name: 'emoji-eval', kind: 'first' },
  async subjects() {
    const { calibration, heldOut } = emojiPrompts();
    return { calibration: subjectsOf(calibration), heldOut: subjectsOf(heldOut) };
  },
  original: { sampler: 'plms', steps: 50 },
  steps: { plms: [50, 25], 'dpm-solver++': [25, 20, 15, 10, 8] },
  intervals: [3, 5, 10],
  factorIntervals: [],
  best: [
    ['plms', 50, [2, 3, 5, 10]],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 25, [2], 'float'],
  ],
  student: { name: 'emoji-lcm', sampler: 'lcm', steps: [1, 2, 4, 8] },
  comparesSd15: false,
  searchesLevers: false,
};
