import type { NoiseGroup } from './layer-noises.js';
import { decibelsOf, noiseAt } from './signal-to-noise.js';

/** The layers to choose from, and how to find out what a choice of them gives. */
export interface QualityQuestion {
  readonly groups: readonly NoiseGroup[];
  /** What a group takes in float beyond what it takes in integers, as a share of the time of a picture. */
  readonly costOf: (group: NoiseGroup) => number;
  /** Decibels that the network is to reach. */
  readonly floor: number;
  /** Decibels with none of them in float. */
  readonly base: number;
  /** Decibels with these in float. */
  readonly measure: (ids: readonly string[]) => Promise<number>;
}

/**
 * What a hundredth of a picture's time has to gain. With the solvers of models/emoji-sd another hundredth of steps gains
 * 0.07 dB, of which the noise of integers lets half through.
 */
const DECIBELS_FOR_A_HUNDREDTH = 0.15;
/** A gain below this is the noise of other roundings, which change with every layer. */
const LEAST_GAIN_DB = 0.02;
/** Noise so far below the prediction is lost in the errors of the solver and of the cache. */
const LOST = noiseAt(35);

/**
 * Takes layers into float, those first that take away the most noise for the time they add, as long as the network is
 * below its floor or the time is better spent so than on more steps.
 */
export async function keepForQuality({ groups, costOf, floor, base, measure }: QualityQuestion) {
  const byWorth = groups
    .map((group) => ({ ...group, cost: Math.max(costOf(group), Number.EPSILON) }))
    .sort((a, b) => b.noise / b.cost - a.noise / a.cost);
  let left = groups.reduce((sum, { noise }) => sum + noise, 0);
  const kept: string[] = [];
  const rest: typeof byWorth = [];
  for (const group of byWorth) {
    const after = Math.max(left - group.noise, 0);
    const gain = decibelsOf(after + LOST) - decibelsOf(left + LOST);
    const worth = Math.max(LEAST_GAIN_DB, 100 * group.cost * DECIBELS_FOR_A_HUNDREDTH);
    if (decibelsOf(left) >= floor && gain < worth) {
      rest.push(group);
      continue;
    }
    kept.push(...group.ids);
    left = after;
  }
  let networkDb = kept.length > 0 ? await measure(kept) : base;
  for (const { ids } of rest) {
    if (networkDb >= floor) break;
    kept.push(...ids);
    networkDb = await measure(kept);
  }
  return { kept, networkDb };
}
