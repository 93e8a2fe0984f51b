import type { SigmaGrid } from './sigma-grid.js';

/** A run whose steps call the network at their beginning and once more, but for the last, which needs one call. */
export interface TwoCallGrid {
  readonly timesteps: readonly number[];
  /** Noise level of each call, and the last one. */
  readonly sigmas: readonly number[];
  readonly callsPerStep: readonly number[];
  callOfStep(step: number): number;
}

/** The second call of each step is at the beginning of the next one, as in Heun's method. */
export function endpointCalls({ timesteps, sigmas }: Pick<SigmaGrid, 'timesteps' | 'sigmas'>): TwoCallGrid {
  return interleaved(timesteps, sigmas, timesteps.slice(1), sigmas.slice(1, -1));
}

/** The second call of each step is at a noise level of its own. */
export function interleaved(
  timesteps: readonly number[],
  sigmas: readonly number[],
  betweenTimesteps: readonly number[],
  betweenSigmas: readonly number[],
): TwoCallGrid {
  const both = (first: readonly number[], second: readonly number[]) =>
    first.flatMap((value, step) => [value, ...second.slice(step, step + 1)]);
  const last = timesteps.length - 1;
  return {
    timesteps: both(timesteps, betweenTimesteps),
    sigmas: [...both(sigmas.slice(0, -1), betweenSigmas), sigmas.at(-1)!],
    callsPerStep: timesteps.map((_, step) => (step === last ? 1 : 2)),
    callOfStep: (step) => 2 * step,
  };
}

/** Step of a call, and whether it is the step's second call. */
export function placeOf(call: number): { step: number; isSecond: boolean } {
  return { step: Math.floor(call / 2), isSecond: call % 2 === 1 };
}
