import { z } from 'zod';
import { trainStepsField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { linearCombination } from '../solvers/linear-combination.js';

/** Adams and Bashforth's weights of the newest prediction and those before it, for one to four of them. */
const WEIGHTS = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

/** Below it a signal counts as this, as in diffusers. */
const LEAST_SIGNAL = 1e-8;

/**
 * Improved pseudo linear multistep (IPNDM): Adams and Bashforth's method of up to fourth order on the predicted noise,
 * without the Runge–Kutta steps that PNDM begins with. Signal and noise are cosine and sine of an angle, and the
 * network, which predicts the velocity, is asked with the angle's share of a right one, from 1 down.
 * Source: Zhang and Chen, DEIS, appendix H.2, https://arxiv.org/abs/2204.13902, as diffusers' IPNDMScheduler has it.
 */
export const ipndm = defineSampler({
  name: 'IPNDMScheduler',
  shortNames: ['ipndm'],
  process: 'angle',
  schema: z.object({
    num_train_timesteps: trainStepsField(1000),
    trained_betas: z.array(z.number().min(0).max(1)).nullable().default(null),
  }),
  create({ trained_betas: trained }, { steps }) {
    const noises = trained ?? Array.from({ length: steps + 1 }, (_, i) => cosineNoise(1 - i / steps));
    const signals = noises.map((noise) => Math.sqrt(1 - noise ** 2));

    return {
      timesteps: noises.slice(0, steps).map((noise, i) => (Math.atan2(noise, signals[i]!) / Math.PI) * 2),
      predictionType: 'v_prediction',
      lookback: WEIGHTS.length - 1,
      levelAt: (call) => ({ signal: signals[call]!, noise: noises[call]! }),
      advance({ call, sample, history }, { prediction }) {
        const [signal, noise] = [signals[call]!, noises[call]!];
        const predicted = linearCombination([noise, sample], [signal, prediction]);
        const newestFirst = [predicted, ...history].slice(0, WEIGHTS.length);
        const weights = WEIGHTS[newestFirst.length - 1]!;
        const step = linearCombination(...newestFirst.map((term, i) => [weights[i]!, term] as const));
        const stretch = signals[call + 1]! / Math.max(signal, LEAST_SIGNAL);
        return {
          sample: linearCombination([stretch, sample], [noises[call + 1]! - stretch * noise, step]),
          history: newestFirst,
        };
      },
    };
  },
});

function cosineNoise(time: number): number {
  return Math.sin((time * Math.PI) / 2) ** 2;
}
