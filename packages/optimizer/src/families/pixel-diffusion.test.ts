import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'pixel-diffusion',
  family: 'DDPM, pixels',
  pipeline: 'DDPMPipeline',
  asks: 'nothing',
  source: modelStorage('tiny/ddpm'),
  golden: await goldenOf('tiny/ddpm'),
  options: { steps: 12 },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a prompt',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { prompt: 'a fox' }),
      error: /takes no text/,
    },
    {
      what: 'another size than the bundle has',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), { width: 32, height: 32 }),
      error: /size/,
    },
  ],
});
