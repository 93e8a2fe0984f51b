import type { OptimizeOptions } from '@cachequant/optimizer';
import { SEEDED_CONDITIONING } from './conditioning.js';
import { optimizeApart } from './optimize-apart.js';
import { FULL_LATENTS } from './paths.js';

const QUICK: OptimizeOptions = { sampler: 'pndm', steps: 50, interval: 5 };
/** Which calls a bundle is calibrated on does not change its speed, so that large ones are few. */
const FULL: OptimizeOptions = {
  sampler: 'dpmsolver++',
  steps: 10,
  interval: 5,
  calibrationImages: 1,
  layers: 'all',
};

// A process of its own: <model> <work> <out> <latent size>
const isFull = Number(process.argv[5]) === FULL_LATENTS;
await optimizeApart('sd15-unet', SEEDED_CONDITIONING, isFull ? FULL : QUICK);
