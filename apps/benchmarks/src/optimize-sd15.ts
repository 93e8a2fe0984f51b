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

// A process of its own: <model> <work> <out> <latent size> [<target>]
const [size, target] = process.argv.slice(5) as [string, OptimizeOptions['target']];
await optimizeApart('sd15-unet', SEEDED_CONDITIONING, {
  ...(Number(size) === FULL_LATENTS ? FULL : QUICK),
  ...(target && { target }),
});
