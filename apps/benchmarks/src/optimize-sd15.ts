import { SEEDED_CONDITIONING } from './conditioning.js';
import { optimizeApart } from './optimize-apart.js';

// A process of its own: <model> <work> <out> <latent size>
await optimizeApart('sd15-unet', SEEDED_CONDITIONING, { sampler: 'pndm', steps: 50, interval: 5 });
