import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'latent-diffusion-text',
  family: 'Latent diffusion, text',
  pipeline: 'LDMTextToImagePipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('tiny/ldm-text'),
  golden: await goldenOf('tiny/ldm-text'),
  options: { guidanceScale: 5, prompts: ['a red shoe', 'a fox on green'] },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a prompt',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /prompt/,
    },
    {
      what: 'a vocabulary without special tokens',
      run: async ({ runtime }) => {
        const storage = await modelCopy('tiny/ldm-text', { 'tokenizer/vocab.txt': 'a\nred\nshoe\n' });
        return createGenerator({ storage, runtime });
      },
      error: /the vocabulary has no \[UNK\]/,
    },
  ],
});
