import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'pixel-variance',
  family: 'DDPM, pixels, learned variance',
  pipeline: 'DDPMPipeline, learned_range',
  asks: 'nothing',
  source: modelStorage('tiny/ddpm-learned'),
  golden: await goldenOf('tiny/ddpm-learned'),
  options: { steps: 12 },
  leastPsnr: 15,
  refusals: [
    {
      what: 'a learned variance that the sampler does not know',
      run: async ({ runtime }) => {
        const scheduler = JSON.stringify({ _class_name: 'DDPMScheduler', variance_type: 'learned' });
        const storage = await modelCopy('tiny/ddpm-learned', {
          'scheduler/scheduler_config.json': scheduler,
        });
        return generateOnce(createGenerator({ storage, runtime }), {});
      },
      error: /variance_type/,
    },
  ],
});
