import { SEEDED_CONDITIONING } from '../conditioning.js';
import { optimizeApart } from '../optimize-apart.js';
import { QUICK_OPTIONS } from './quick-options.js';

// A process of its own: <model> <work> <out> <latent size>
await optimizeApart('sd15-unet', SEEDED_CONDITIONING, QUICK_OPTIONS);
