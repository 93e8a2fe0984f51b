import { bench, describe } from 'vitest';
import { normal } from './__fixtures__/models.js';
import { quantizeWeight } from './weight-quantization.js';

/** A 3×3 convolution of Stable Diffusion's middle: 64 of its output channels, 737,280 weights. */
const rows = normal([64, 1280 * 9], 1, { deviation: 0.02 }).data;

describe('quantizeWeight', () => {
  for (const bits of [7, 8] as const) {
    bench(`${rows.length} weights, ${bits} bits`, () => {
      quantizeWeight(rows, 64, bits);
    });
  }
});
