import type { ScheduleName } from './schedules/align-your-steps.js';

/** What a run is laid out for. */
export interface RunLayout {
  readonly steps: number;
  /** Images in one state, one after another. */
  readonly images: number;
  /** Timesteps of the steps in place of the configuration's spacing, descending. */
  readonly timesteps?: readonly number[];
  /** Noise levels of the steps in place of the configuration's spacing, descending, without the end. */
  readonly sigmas?: readonly number[];
  /** Tokens of the picture in the network, for dynamic shifting. */
  readonly imageTokens?: number;
  /** The shift itself, in place of that which follows from `imageTokens`. */
  readonly mu?: number;
  /** Share of new noise in each step, from 0 to 1. */
  readonly eta?: number;
}

/** A layout before a schedule's name is looked up. */
export interface RunRequest extends Omit<RunLayout, 'timesteps'> {
  readonly timesteps?: readonly number[] | ScheduleName;
}

/** What only some samplers take of a layout. */
export type RunOption = 'timesteps' | 'sigmas' | 'mu' | 'eta';
