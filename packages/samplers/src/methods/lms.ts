import { z } from 'zod';
import { anyPrediction, noiseFields, respacingFields, spacingField } from '../config-fields.js';
import { defineSampler } from '../definition.js';
import { unscaledLevel } from '../schedules/noise-schedule.js';
import { sigmaGrid, unitVarianceScale } from '../schedules/sigma-grid.js';
import { lagrangeBasis } from '../solvers/lagrange-basis.js';
import { linearCombination, type Term } from '../solvers/linear-combination.js';
import { cleanOfUnscaled } from '../solvers/prediction.js';

const ORDER = 4;

/**
 * Linear multistep in σ: the slope is a cubic through its last four values, Adams and Bashforth's method for steps of
 * unequal length.
 * Source: Crowson, k-diffusion, sample_lms, https://github.com/crowsonkb/k-diffusion.
 */
export const lms = defineSampler({
  name: 'LMSDiscreteScheduler',
  shortNames: ['lms'],
  takes: ['timesteps'],
  schema: z.object({
    ...noiseFields,
    ...respacingFields,
    prediction_type: anyPrediction,
    timestep_spacing: spacingField.default('linspace'),
  }),
  create(config, layout) {
    const { timesteps, sigmas, initNoiseSigma } = sigmaGrid(config, layout);

    return {
      trainSteps: config.num_train_timesteps,
      timesteps,
      sigmas,
      initNoiseSigma,
      predictionType: config.prediction_type,
      lookback: ORDER - 1,
      inputScale: (call) => unitVarianceScale(sigmas[call]!),
      levelAt: (call) => unscaledLevel(sigmas[call]!),
      advance({ call, sample, history }, { prediction }) {
        const sigma = sigmas[call]!;
        const clean = cleanOfUnscaled(config.prediction_type, sigma, sample, prediction);
        const slopes = [...history, linearCombination([1 / sigma, sample], [-1 / sigma, clean])].slice(
          -ORDER,
        );
        const nodes = sigmas.slice(call + 1 - slopes.length, call + 1);
        const weights = lagrangeBasis(nodes).map((basis) => integral(basis, sigma, sigmas[call + 1]!));
        const terms = slopes.map((slope, i): Term => [weights[i]!, slope]);
        return { sample: linearCombination([1, sample], ...terms), history: slopes };
      },
    };
  },
});

/** ∫ of a polynomial, its constant first. */
function integral(polynomial: readonly number[], from: number, to: number): number {
  return polynomial.reduce(
    (sum, coefficient, power) =>
      sum + (coefficient * (to ** (power + 1) - from ** (power + 1))) / (power + 1),
    0,
  );
}
