import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'latent-consistency',
  family: 'Latent consistency model',
  pipeline: 'LatentConsistencyModelPipeline',
  asks: 'prompt',
  source: modelStorage('tiny/lcm'),
  golden: await goldenOf('tiny/lcm'),
  // Four steps and no cache, by itself.
  options: { steps: undefined, interval: undefined, prompts: ['a red shoe', 'a fox on green'] },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a prompt',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /prompt/,
    },
    {
      what: 'a negative prompt, strictly',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), {
          prompt: 'a fox',
          negativePrompt: 'blurry',
          strict: true,
        }),
      error: /negative prompt has no effect: the model takes none/,
    },
  ],
});
