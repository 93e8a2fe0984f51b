import type { DenoiserCall } from '@cachequant/pipeline';
import { TorchGenerator, tensor } from '@cachequant/tensor';
import { SEEDED_CONDITIONING } from '../conditioning.js';

const CHANNELS = 4;

/** A call of Stable Diffusion 1.5's U-Net: both halves of guidance, seeded. */
export function unetCall(latentSize: number): DenoiserCall {
  const { data, dims } = SEEDED_CONDITIONING.forSeed(1).encoder_hidden_states!;
  const both = new Float32Array(2 * data.length);
  both.set(data as Float32Array);
  both.set(data as Float32Array, data.length);
  const latentDims = [2, CHANNELS, latentSize, latentSize];
  const size = latentDims.reduce((product, dim) => product * dim);
  return {
    call: 0,
    timestep: 981,
    sample: tensor('float32', latentDims, new TorchGenerator(1).randn(size)),
    conditioning: { encoder_hidden_states: tensor('float32', [2, ...dims.slice(1)], both) },
  };
}
