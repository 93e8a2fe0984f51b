import type { AblationModel } from './ablation-model.js';
import { fashionEvaluator } from './fashion-evaluator.js';
import { classSubjects } from './class-subjects.js';

/** As the paper runs its latent models: 250 DDIM steps, intervals up to 20. */
export const fashionLdm: AblationModel = {
  name: 'fashion-ldm',
  guidanceScale: 2,
  latentDims: [3, 16, 16],
  pictureSize: 32,
  evaluator: fashionEvaluator,
  subjects: classSubjects,
  original: { sampler: 'ddim', steps: 250 },
  steps: { ddim: [250, 125, 100, 50, 25], 'dpm-solver++': [50, 25, 20, 15, 10] },
  intervals: [2, 5, 10, 20],
  factorIntervals: [10],
  best: [
    ['ddim', 250, [1, 2, 5, 10, 20]],
    ['ddim', 50, [2, 5]],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 25, [2], 'float'],
    ['dpm-solver++', 20, [2]],
  ],
  comparesSd15: false,
};
