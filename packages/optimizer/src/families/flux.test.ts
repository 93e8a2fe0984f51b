import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

const SMALL = { width: 32, height: 24, prompts: ['a red shoe', 'a fox on green grass'] };

describeFamily({
  id: 'flux-dev',
  family: 'FLUX.1 dev',
  pipeline: 'FluxPipeline',
  asks: 'prompt',
  source: modelStorage('tiny/flux-dev'),
  golden: await goldenOf('tiny/flux-dev'),
  options: SMALL,
  leastPsnr: 25,
  refusals: [
    {
      what: 'a size that is no multiple of 4',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { prompt: 'a fox', width: 30 }),
      error: /a multiple of 4/,
    },
    {
      what: 'a negative prompt, where requests are strict',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a fox',
          negativePrompt: 'blurry',
          strict: true,
        }),
      error: /no effect/,
    },
  ],
});

describeFamily({
  id: 'flux-schnell',
  family: 'FLUX.1 schnell',
  pipeline: 'FluxPipeline',
  asks: 'prompt',
  source: modelStorage('tiny/flux-schnell'),
  golden: await goldenOf('tiny/flux-schnell'),
  options: SMALL,
  leastPsnr: 25,
  refusals: [
    {
      what: 'another size of as many tokens than the bundle has',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a fox',
          width: 24,
          height: 32,
        }),
      error: /the bundle has no graphs for this size/,
    },
  ],
});
