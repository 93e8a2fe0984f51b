import type { AblationModel } from './ablation-model.js';
import { fashionEvaluator } from './fashion-evaluator.js';
import { classSubjects } from './class-subjects.js';

/** As the paper runs DiT-XL/2: 50 DDIM steps, intervals 2 to 5. */
export const fashionDit: AblationModel = {
  name: 'fashion-dit',
  guidanceScale: 2,
  latentDims: [4, 16, 16],
  pictureSize: 32,
  evaluator: fashionEvaluator,
  subjects: classSubjects,
  original: { sampler: 'ddim', steps: 50 },
  steps: { ddim: [50, 25, 20, 10], 'dpm-solver++': [50, 25, 20, 15, 10, 8] },
  intervals: [2, 3, 5],
  factorIntervals: [5],
  best: [
    ['ddim', 50, [1, 2, 3, 4, 5]],
    ['dpm-solver++', 50, [3, 5]],
    ['dpm-solver++', 50, [3], 'float'],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 20, [2]],
  ],
  comparesSd15: false,
  searchesLevers: false,
};
