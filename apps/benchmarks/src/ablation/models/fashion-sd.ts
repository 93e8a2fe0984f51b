import { splitPrompts } from '../prompts.js';
import type { AblationModel } from './ablation-model.js';
import { fashionEvaluator } from './fashion-evaluator.js';

const subjectsOf = (prompts: readonly string[]) => prompts.map((prompt) => ({ prompt, caption: prompt }));

/** Steps divide the 1,000 of the training, so that all samplers step on the same grid; 15 by DPM-Solver++ alone. */
export const fashionSd: AblationModel = {
  name: 'fashion-sd',
  guidanceScale: 4,
  latentDims: [4, 16, 16],
  pictureSize: 32,
  evaluator: fashionEvaluator,
  async subjects() {
    const { calibration, heldOut } = await splitPrompts();
    return { calibration: subjectsOf(calibration), heldOut: subjectsOf(heldOut) };
  },
  original: { sampler: 'plms', steps: 50 },
  steps: { plms: [50, 25, 20, 10], ddim: [25, 10], 'dpm-solver++': [50, 25, 20, 15, 10, 8] },
  intervals: [3, 5, 10],
  factorIntervals: [5, 10],
  best: [
    ['plms', 50, [1, 2, 3, 4, 5, 10]],
    ['plms', 25, [2]],
    ['dpm-solver++', 50, [3, 5]],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 20, [2]],
  ],
  comparesSd15: true,
  searchesLevers: true,
};
