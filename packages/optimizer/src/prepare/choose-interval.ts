import type { Sampler } from '@cachequant/samplers';
import type { OpenRecipe } from '../recipe.js';

/** As many refreshes, about, kept pictures near the original on every model that was trained for this repository. */
const REFRESHES = 10;
const SHORTEST = 2;
const LONGEST = 5;
/** Fewer calls lie too far apart for a cache. */
const LEAST_CALLS = 10;

/** A cache interval, and what the user should know of it. */
export interface ChosenInterval {
  readonly interval: number;
  readonly warnings: readonly string[];
}

/**
 * The cache interval where the options name none: as gives about ten refreshes, from 2 to 5. Below ten calls, as models
 * distilled to few steps make, it is 1, which is no cache.
 */
export function chooseInterval(
  { interval, refreshes }: Pick<OpenRecipe, 'interval' | 'refreshes'>,
  { name, calls }: Sampler,
): ChosenInterval {
  if (interval !== undefined) return { interval, warnings: [] };
  if (refreshes !== undefined) return { interval: LONGEST, warnings: [] };
  if (calls >= LEAST_CALLS) {
    const even = Math.round(calls / REFRESHES);
    return { interval: Math.min(LONGEST, Math.max(SHORTEST, even)), warnings: [] };
  }
  const tried = calls >= 4 ? '; --interval 2 tries one' : '';
  const count = `${calls} network call${calls === 1 ? '' : 's'}`;
  return {
    interval: 1,
    warnings: [
      `The bundle has no cache: ${name} makes ${count}, and a cache pays from ${LEAST_CALLS} on${tried}.`,
    ],
  };
}
