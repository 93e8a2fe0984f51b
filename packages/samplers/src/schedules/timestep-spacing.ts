import { linspace, roundHalfEven } from './rounding.js';

export type TimestepSpacing = 'linspace' | 'leading' | 'trailing';

export interface SpacingOptions {
  readonly steps: number;
  /** Training timesteps. */
  readonly trainSteps: number;
  /** Added with `leading` spacing. */
  readonly offset: number;
  readonly spacing: TimestepSpacing;
}

/**
 * The integer timesteps of a run, descending.
 * Source: Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, table 2,
 * https://arxiv.org/abs/2305.08891.
 */
export function spacedTimesteps(options: SpacingOptions): number[] {
  switch (options.spacing) {
    case 'linspace':
      return evenTimesteps(options).map(roundHalfEven);
    case 'leading':
      return leadingTimesteps(options.steps, Math.floor(options.trainSteps / options.steps), options.offset);
    case 'trailing':
      return trailingTimesteps(options.trainSteps, options.trainSteps / options.steps, options.steps);
  }
}

/** Equal spacing over all of [0, trainSteps − 1] without rounding, descending. */
export function evenTimesteps({ steps, trainSteps }: { steps: number; trainSteps: number }): number[] {
  return linspace(0, trainSteps - 1, steps).reverse();
}

/** Multiples of `stride` from 0 up, plus the offset, descending. */
export function leadingTimesteps(count: number, stride: number, offset: number): number[] {
  return Array.from({ length: count }, (_, i) => (count - 1 - i) * stride + offset);
}

/** Down from `last` − 1 by `stride`. */
export function trailingTimesteps(last: number, stride: number, count: number): number[] {
  // The stride as numpy.arange has it, after a round trip; it decides how halves round.
  const delta = last - stride - last;
  return Array.from({ length: count }, (_, i) => roundHalfEven(last + i * delta) - 1);
}
