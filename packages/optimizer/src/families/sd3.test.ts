import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

const PROMPTS = ['a red shoe', 'a fox on green grass'];

describeFamily({
  id: 'sd3',
  family: 'Stable Diffusion 3',
  pipeline: 'StableDiffusion3Pipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/sd3'),
  golden: await goldenOf('tiny/sd3'),
  options: { guidanceScale: 4, prompts: PROMPTS },
  leastPsnr: 20,
  refusals: [
    {
      what: 'a size that is no multiple of 4',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { prompt: 'a fox', width: 30 }),
      error: /a multiple of 4/,
    },
    {
      what: 'a folder without the third text encoder that its index lists',
      run: async ({ runtime }) => {
        const parts = ['config.json', 'model.safetensors'].map((name) => `text_encoder_3/${name}`);
        const without = Object.fromEntries(parts.map((path) => [path, undefined]));
        return createGenerator({ storage: await modelCopy('tiny/sd3', without), runtime });
      },
      error: /text_encoder_3\/: the model lacks a part/,
    },
  ],
});

describeFamily({
  id: 'sd3-5',
  family: 'Stable Diffusion 3.5, without T5',
  pipeline: 'StableDiffusion3Pipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/sd35'),
  golden: await goldenOf('tiny/sd35'),
  options: { guidanceScale: 4, prompts: PROMPTS },
  leastPsnr: 18,
  refusals: [
    {
      what: 'another picture size than the bundle has',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), { prompt: 'a fox', width: 64 }),
      error: /size/,
    },
  ],
});
