import type { GivenConditioning } from '@cachequant/optimizer';
import { TorchGenerator, tensor } from '@cachequant/tensor';
import { optimizeApart } from '../optimize-apart.js';
import { QUICK_OPTIONS } from './quick-options.js';

const TOKENS = 77;
const WIDTH = 2048;
const POOLED = 1280;

const forSeed: GivenConditioning['forSeed'] = (seed) => {
  const random = new TorchGenerator(seed);
  return {
    encoder_hidden_states: tensor('float32', [1, TOKENS, WIDTH], random.randn(TOKENS * WIDTH)),
    text_embeds: tensor('float32', [1, POOLED], random.randn(POOLED)),
    time_ids: tensor('float32', [1, 6], Float32Array.of(256, 256, 0, 0, 256, 256)),
  };
};
const conditioning = { fingerprint: 'seeded normal numbers', forSeed, unconditional: forSeed(0) };

// A process of its own: <model> <work> <out> <latent size>
await optimizeApart('sdxl-unet', conditioning, QUICK_OPTIONS);
