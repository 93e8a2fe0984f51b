import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

const PROMPTS = ['a red shoe', 'a fox on green grass'];

describeFamily({
  id: 'pixart-alpha',
  family: 'PixArt-α, 1024 pixels',
  pipeline: 'PixArtAlphaPipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/pixart-alpha'),
  golden: await goldenOf('tiny/pixart-alpha'),
  options: { guidanceScale: 4.5, prompts: PROMPTS, width: 24, height: 32 },
  leastPsnr: 30,
  refusals: [
    {
      what: 'a request without a prompt',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /the prompt is missing/,
    },
  ],
});

describeFamily({
  id: 'pixart-sigma',
  family: 'PixArt-Σ',
  pipeline: 'PixArtSigmaPipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/pixart-sigma'),
  golden: await goldenOf('tiny/pixart-sigma'),
  options: { guidanceScale: 4.5, prompts: PROMPTS },
  leastPsnr: 30,
  refusals: [
    {
      what: 'a folder without its tokenizer',
      run: async ({ runtime }) => {
        const parts = ['tokenizer/tokenizer.json', 'tokenizer/tokenizer_config.json'];
        const without = Object.fromEntries(parts.map((path) => [path, undefined]));
        return createGenerator({ storage: await modelCopy('tiny/pixart-sigma', without), runtime });
      },
      error: /tokenizer/,
    },
  ],
});
