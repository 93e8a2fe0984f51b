import type { AblationModel } from './ablation-model.js';
import { fashionEvaluator } from './fashion-evaluator.js';

const nothing = [{ prompt: '', caption: '' }];

/** As the paper runs DDPM on CIFAR-10 and LSUN: 100 DDIM steps, intervals 5, 10 and 20. */
export const fashionDdpm: AblationModel = {
  name: 'fashion-ddpm',
  guidanceScale: 1,
  latentDims: [3, 32, 32],
  pictureSize: 32,
  evaluator: fashionEvaluator,
  subjects: async () => ({ calibration: nothing, heldOut: nothing }),
  original: { sampler: 'ddim', steps: 100 },
  steps: { ddim: [100, 50, 25, 20, 10], 'dpm-solver++': [50, 25, 20, 15, 10] },
  intervals: [5, 10, 20],
  factorIntervals: [10],
  best: [
    ['ddim', 100, [1, 2, 5, 10, 20]],
    ['ddim', 50, [2, 5]],
    ['dpm-solver++', 25, [2]],
    ['dpm-solver++', 25, [2], 'float'],
    ['dpm-solver++', 20, [2]],
  ],
  comparesSd15: false,
  searchesLevers: false,
};
