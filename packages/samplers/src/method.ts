import type { PredictionType, SamplerState } from './sampler.js';
import type { NoiseLevel } from './schedules/noise-schedule.js';

/** What the network said: the prediction, and the variance where it predicts one. */
export interface ModelOutput {
  readonly prediction: Float32Array;
  /** In [−1, 1], between the smallest and the largest variance on a logarithmic scale. */
  readonly variance: Float32Array | undefined;
}

/** The next state without its call index; what is left out is empty. */
export type Advance = Pick<SamplerState, 'sample'> &
  Partial<Pick<SamplerState, 'history' | 'stages' | 'anchor' | 'drawn'>>;

/** What is particular to a run of a sampling method; everything else is the same for all. */
export interface SamplingRun {
  readonly timesteps: readonly number[];
  readonly sigmas?: readonly number[];
  readonly initNoiseSigma?: number;
  readonly predictionType: PredictionType;
  readonly stochastic?: boolean;
  /** Calls of each step; 1 each when left out. */
  readonly callsPerStep?: readonly number[];
  /** As in `SamplerProperties`, for a run of many calls. */
  readonly lookback: number;
  /** Where timesteps are those of training, from 0 to one less than this. */
  readonly trainSteps?: number;
  /** Whether the network's output may be twice as large, with the variance in each image's second half. */
  readonly predictsVariance?: boolean;
  /** The call that a run from this step on begins with; the step's own number when left out. */
  callOfStep?(step: number): number;
  /** How much of signal and noise the sample holds at a call; without it no run begins with a picture. */
  levelAt?(call: number): Pick<NoiseLevel, 'signal' | 'noise'>;
  /** What the sample is multiplied by before a call. */
  inputScale?(call: number): number;
  advance(state: SamplerState, output: ModelOutput, drawNoise: () => Float32Array): Advance;
}

/** A run, with whose it is and what was asked for. */
export interface Method extends SamplingRun {
  readonly name: string;
  readonly steps: number;
  /** Images in one state, one after another. */
  readonly images: number;
}
