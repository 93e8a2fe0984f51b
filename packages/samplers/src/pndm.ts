import { CacheQuantError } from '@cachequant/tensor';
import { z } from 'zod';
import { type Advance, buildSampler } from './build-sampler.js';
import { noiseFields, noiseOrVelocity, spacingField } from './config-fields.js';
import { defineSampler } from './definition.js';
import { linearCombination, type Term } from './linear-combination.js';
import { alphaBars, noiseLevel } from './noise-schedule.js';
import { predictedNoise } from './prediction.js';
import type { SamplerState } from './sampler.js';
import { spacedTimesteps } from './timestep-spacing.js';

/** Steps that are made by Runge–Kutta before the multistep method has enough history. */
const RUNGE_KUTTA_STEPS = 3;
const CALLS_PER_RUNGE_KUTTA_STEP = 4;
const RUNGE_KUTTA_CALLS = RUNGE_KUTTA_STEPS * CALLS_PER_RUNGE_KUTTA_STEP;

/** Adams–Bashforth weights by the number of outputs known, the newest first. */
const MULTISTEP_WEIGHTS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * Pseudo numerical methods: PLMS (`skip_prk_steps`), which calls the network once more than there are steps,
 * or three Runge–Kutta steps of four calls first, which makes nine calls more.
 * Source: Liu et al., Pseudo Numerical Methods for Diffusion Models on Manifolds, eq. 9, 12, 13 and
 * algorithm 2, https://arxiv.org/abs/2202.09778.
 */
export const pndm = defineSampler({
  name: 'PNDMScheduler',
  shortNames: ['pndm', 'plms'],
  schema: z.object({
    ...noiseFields,
    skip_prk_steps: z.boolean().default(false),
    set_alpha_to_one: z.boolean().default(false),
    prediction_type: noiseOrVelocity,
    timestep_spacing: spacingField.default('leading'),
  }),
  create(config, { steps, images }) {
    const { num_train_timesteps: trainSteps, prediction_type: predictionType } = config;
    const bars = alphaBars(config);
    const finalAlphaBar = config.set_alpha_to_one ? 1 : bars[0]!;
    const stride = Math.floor(trainSteps / steps);
    const base = spacedTimesteps({
      steps,
      trainSteps,
      offset: config.steps_offset,
      spacing: config.timestep_spacing,
    });
    const usesRungeKutta = !config.skip_prk_steps;
    const timesteps = usesRungeKutta ? rungeKuttaTimesteps(base, stride) : plmsTimesteps(base);

    /** Equation 9: from one timestep to another along a given network output. */
    function transfer(sample: Float32Array, from: number, to: number, output: Float32Array): Float32Array {
      const level = noiseLevel(bars[from]!);
      const next = noiseLevel(bars[to] ?? finalAlphaBar);
      const noise = predictedNoise(predictionType, level, sample, output);
      const denominator = level.alphaBar * next.noise + level.signal * level.noise * next.signal;
      return linearCombination(
        [next.signal / level.signal, sample],
        [-(next.alphaBar - level.alphaBar) / denominator, noise],
      );
    }

    function rungeKutta(state: SamplerState, output: Float32Array): Advance {
      const stage = state.call % CALLS_PER_RUNGE_KUTTA_STEP;
      const anchor = stage === 0 ? state.sample : state.anchor!;
      const history = stage === 0 ? [...state.history, output] : state.history;
      const isLast = stage === CALLS_PER_RUNGE_KUTTA_STEP - 1;
      const direction = isLast ? rungeKuttaMean(state.stages, output) : output;
      const from = timesteps[state.call - stage]!;
      const to = timesteps[state.call]! - (stage % 2 === 0 ? Math.floor(stride / 2) : 0);
      const sample = transfer(anchor, from, to, direction);
      return isLast ? { sample, history } : { sample, history, anchor, stages: [...state.stages, output] };
    }

    function multistep(state: SamplerState, output: Float32Array): Advance {
      const timestep = timesteps[state.call]!;
      const history = [...state.history.slice(-3), output];
      const terms = MULTISTEP_WEIGHTS[history.length - 1]!.map(
        (weight, age): Term => [weight, history[history.length - 1 - age]!],
      );
      const sample = transfer(state.sample, timestep, timestep - stride, linearCombination(...terms));
      return state.call === 0 ? { sample, history, anchor: state.sample } : { sample, history };
    }

    /** The second call of PLMS repeats the first step with the mean of the outputs at both of its ends. */
    function repeatFirstStep(state: SamplerState, output: Float32Array): Advance {
      const timestep = timesteps[state.call]!;
      const mean = linearCombination([1 / 2, output], [1 / 2, state.history[0]!]);
      return { sample: transfer(state.anchor!, timestep + stride, timestep, mean), history: state.history };
    }

    return buildSampler({
      name: 'PNDMScheduler',
      steps,
      images,
      trainSteps,
      timesteps,
      predictionType,
      advance(state, { prediction }) {
        if (usesRungeKutta && state.call < RUNGE_KUTTA_CALLS) return rungeKutta(state, prediction);
        if (!usesRungeKutta && state.call === 1) return repeatFirstStep(state, prediction);
        return multistep(state, prediction);
      },
    });
  },
});

/** The second timestep comes twice. */
function plmsTimesteps(base: readonly number[]): number[] {
  return [...base.slice(0, 2), ...base.slice(1)];
}

/** Three steps of four calls at their beginning, twice in the middle, and at their end; then one call a step. */
function rungeKuttaTimesteps(base: readonly number[], stride: number): number[] {
  if (base.length <= RUNGE_KUTTA_STEPS) {
    throw new CacheQuantError('invalid-argument', 'too few steps to begin with Runge–Kutta', {
      where: 'PNDMScheduler',
      expected: `at least ${RUNGE_KUTTA_STEPS + 1} steps`,
      got: String(base.length),
      hint: 'Take more steps, or set skip_prk_steps',
    });
  }
  const half = Math.floor(stride / 2);
  const stages = Array.from({ length: RUNGE_KUTTA_STEPS }, (_, step) => {
    const middle = base[step + 1]! + half;
    return [base[step]!, middle, middle, base[step + 1]!];
  });
  return [...stages.flat(), ...base.slice(RUNGE_KUTTA_STEPS)];
}

function rungeKuttaMean([first, second, third]: readonly Float32Array[], fourth: Float32Array): Float32Array {
  return linearCombination([1 / 6, first!], [1 / 3, second!], [1 / 3, third!], [1 / 6, fourth]);
}
