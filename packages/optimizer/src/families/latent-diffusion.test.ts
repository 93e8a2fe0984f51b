import { createGenerator } from '@cachequant/pipeline';
import { describeFamily } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'latent-diffusion',
  family: 'Latent diffusion, unconditional',
  pipeline: 'LDMPipeline',
  asks: 'nothing',
  source: modelStorage('tiny/ldm'),
  golden: await goldenOf('tiny/ldm'),
  leastPsnr: 25,
  refusals: [
    {
      what: 'a folder without its decoder',
      run: async ({ runtime }) => {
        const parts = ['vqvae/config.json', 'vqvae/diffusion_pytorch_model.safetensors'];
        const without = Object.fromEntries(parts.map((path) => [path, undefined]));
        return createGenerator({ storage: await modelCopy('tiny/ldm', without), runtime });
      },
      error: /the decoder is missing/,
    },
  ],
});
