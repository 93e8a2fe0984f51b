import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'diffusion-transformer',
  family: 'DiT',
  pipeline: 'DiTPipeline',
  asks: 'class label',
  source: modelStorage('tiny/dit-pipeline'),
  golden: await goldenOf('tiny/dit-pipeline'),
  options: { classLabels: [3, 7] },
  requestOf: ({ classLabel, seed }) => ({ classLabel: classLabel!, seed }),
  leastPsnr: 30,
  refusals: [
    {
      what: 'a request without a class',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /the class label is missing.*0 to 9/s,
    },
    {
      what: 'a class that there is none of',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), { classLabel: 10 }),
      error: /there is no such class/,
    },
  ],
});
