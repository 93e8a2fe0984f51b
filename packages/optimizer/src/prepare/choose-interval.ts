import type { Sampler } from '@cachequant/samplers';
import type { OpenRecipe } from '../recipe.js';

const INTERVAL = 5;

/** A cache interval, and what the user should know of it. */
export interface ChosenInterval {
  readonly interval: number;
  readonly warnings: readonly string[];
}

/**
 * The cache interval where the options name none: 5, or 1, which is no cache, where the sampler makes too few calls for a
 * second refresh at that interval, as those of models distilled to few steps do.
 */
export function chooseInterval(
  { interval, refreshes }: Pick<OpenRecipe, 'interval' | 'refreshes'>,
  { name, calls }: Sampler,
): ChosenInterval {
  if (interval !== undefined) return { interval, warnings: [] };
  if (calls >= 2 * INTERVAL || refreshes !== undefined) return { interval: INTERVAL, warnings: [] };
  const tried = calls >= 4 ? '; --interval 2 tries one' : '';
  const count = `${calls} network call${calls === 1 ? '' : 's'}`;
  return {
    interval: 1,
    warnings: [
      `The bundle has no cache: ${name} makes ${count}, and a cache that is refreshed every ${INTERVAL} calls pays from ${2 * INTERVAL} on${tried}.`,
    ],
  };
}
