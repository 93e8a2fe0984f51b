import { seededConditioning } from './conditioning.js';
import { optimizeApart } from './optimize-apart.js';

/** Of the tiny denoiser. */
const WIDTH = 32;

// A process of its own: <model> <work> <out> <height and width of the picture>
await optimizeApart('sd15-parts', seededConditioning(WIDTH), {
  sampler: 'ddim',
  steps: 4,
  interval: 2,
  schedule: 'uniform',
  cacheCorrection: 'none',
  layers: 'all',
  // Pictures of seeded weights are noise, which rounding harms more than it does any that a decoder was trained for.
  decoderFloor: 30,
});
