import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'sd-turbo',
  family: 'SD-Turbo',
  pipeline: 'StableDiffusionPipeline, trailing timesteps',
  asks: 'prompt',
  source: modelStorage('tiny/sd-turbo'),
  golden: await goldenOf('tiny/sd-turbo'),
  // Four steps without guidance and no cache, by itself.
  options: { steps: undefined, interval: undefined, prompts: ['a red shoe', 'a fox on green'] },
  leastPsnr: 25,
  refusals: [
    {
      what: 'more layers of the text encoder to skip than it has',
      run: ({ source, runtime }) => createGenerator({ storage: source, runtime, prompts: { clipSkip: 9 } }),
      error: /clipSkip/,
    },
    {
      what: 'a negative prompt, strictly',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a fox',
          negativePrompt: 'blurry',
          strict: true,
        }),
      error: /negative prompt has no effect/,
    },
  ],
});
