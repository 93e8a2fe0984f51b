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
  steps: { ddim: [250, 50], 'dpm-solver++': [25, 20, 10] },
  intervals: [2, 5, 10, 20],
  factorIntervals: [],
  best: [
    ['ddim', 250, [2, 5, 10, 20]],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 25, [2], 'float'],
  ],
  comparesSd15: false,
  searchesLevers: false,
};
