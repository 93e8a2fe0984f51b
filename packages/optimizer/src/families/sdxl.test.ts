import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'sdxl',
  family: 'Stable Diffusion XL, base',
  pipeline: 'StableDiffusionXLPipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/sdxl'),
  golden: await goldenOf('tiny/sdxl'),
  options: { guidanceScale: 5, prompts: ['a red shoe', 'a fox on green'] },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a size that is no multiple of 4',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { prompt: 'a fox', width: 30 }),
      error: /a multiple of 4/,
    },
    {
      what: 'a folder without its second tokenizer',
      run: async ({ runtime }) => {
        const parts = ['tokenizer_2/tokenizer.json', 'tokenizer_2/tokenizer_config.json'];
        const without = Object.fromEntries(parts.map((path) => [path, undefined]));
        return createGenerator({ storage: await modelCopy('tiny/sdxl', without), runtime });
      },
      error: /tokenizer_2\/: the model lacks a part/,
    },
    {
      what: 'another picture size than the bundle has',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a fox',
          width: 64,
          height: 64,
        }),
      error: /size/,
    },
  ],
});
