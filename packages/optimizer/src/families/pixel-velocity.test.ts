import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'pixel-velocity',
  family: 'DDPM, pixels, velocity, zero SNR',
  pipeline: 'DDIMPipeline, v_prediction',
  asks: 'nothing',
  source: modelStorage('tiny/ddpm-velocity'),
  golden: await goldenOf('tiny/ddpm-velocity'),
  leastPsnr: 25,
  refusals: [
    {
      what: 'a width that is no multiple of 2',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { width: 17 }),
      error: /a multiple of 2/,
    },
  ],
});
