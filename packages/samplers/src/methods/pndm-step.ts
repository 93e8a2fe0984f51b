import type { Advance } from '../method.js';
import type { SamplerState } from '../sampler.js';
import { type NoiseLevel, noiseLevel } from '../schedules/noise-schedule.js';
import { linearCombination, type Term } from '../solvers/linear-combination.js';
import { type PlainPrediction, predictedNoise } from '../solvers/prediction.js';
import { RUNGE_KUTTA_STAGES } from './pndm-timesteps.js';

/** What the steps of a run have in common. */
export interface PndmRun {
  readonly predictionType: PlainPrediction;
  readonly bars: Float32Array;
  /** ᾱ after the last step. */
  readonly finalAlphaBar: number;
  readonly timesteps: readonly number[];
  /** Training timesteps between two steps. */
  readonly stride: number;
}

/** Adams–Bashforth weights by the number of outputs known, the newest first. */
const MULTISTEP_WEIGHTS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** One call of a Runge–Kutta step (equation 13), which always starts from where the step began. */
export function rungeKuttaCall(run: PndmRun, state: SamplerState, output: Float32Array): Advance {
  const stage = state.call % RUNGE_KUTTA_STAGES;
  const anchor = stage === 0 ? state.sample : state.anchor!;
  const history = stage === 0 ? [...state.history, output] : state.history;
  const from = run.timesteps[state.call - stage]!;
  const to = run.timesteps[state.call]! - (stage % 2 === 0 ? Math.floor(run.stride / 2) : 0);
  if (stage < RUNGE_KUTTA_STAGES - 1) {
    const sample = transfer(run, anchor, from, to, output);
    return { sample, history, anchor, stages: [...state.stages, output] };
  }
  const [first, second, third] = state.stages;
  const mean = linearCombination([1 / 6, first!], [1 / 3, second!], [1 / 3, third!], [1 / 6, output]);
  return { sample: transfer(run, anchor, from, to, mean), history };
}

/** A step along the outputs of up to four calls (equation 12). */
export function multistepCall(run: PndmRun, state: SamplerState, output: Float32Array): Advance {
  const timestep = run.timesteps[state.call]!;
  const history = [...state.history.slice(-3), output];
  const newestFirst = history.toReversed();
  const weights = MULTISTEP_WEIGHTS[history.length - 1]!;
  const direction = linearCombination(...newestFirst.map((values, age): Term => [weights[age]!, values]));
  const sample = transfer(run, state.sample, timestep, timestep - run.stride, direction);
  return state.history.length === 0 ? { sample, history, anchor: state.sample } : { sample, history };
}

/** The second call of PLMS, which repeats the first step with the mean of the outputs at both of its ends. */
export function repeatedFirstCall(run: PndmRun, state: SamplerState, output: Float32Array): Advance {
  const timestep = run.timesteps[state.call]!;
  const mean = linearCombination([1 / 2, output], [1 / 2, state.history[0]!]);
  const sample = transfer(run, state.anchor!, timestep + run.stride, timestep, mean);
  return { sample, history: state.history };
}

/** Equation 9: from one timestep to another along a given network output. */
function transfer(
  run: PndmRun,
  sample: Float32Array,
  from: number,
  to: number,
  output: Float32Array,
): Float32Array {
  const level = noiseLevel(run.bars[from]!);
  const next = noiseLevel(run.bars[to] ?? run.finalAlphaBar);
  const noise = predictedNoise(run.predictionType, level, sample, output);
  return linearCombination([next.signal / level.signal, sample], [noiseFactor(level, next), noise]);
}

function noiseFactor(level: NoiseLevel, next: NoiseLevel): number {
  if (level.alphaBar === next.alphaBar) return 0;
  const denominator = level.alphaBar * next.noise + level.signal * level.noise * next.signal;
  return (level.alphaBar - next.alphaBar) / denominator;
}
