import type { Variant } from '@cachequant/optimizer/experiments';
import { type CallAction, callPlanText } from '@cachequant/scheduler';

/** What is done at each of a sampler's timesteps, a letter each: full, one half of it, from the cache, left out. */
export function planOf(sampled: readonly number[], { timesteps = sampled, cached }: Variant): string {
  const refreshes = new Set(cached?.refreshCalls);
  const alone = new Set(cached?.conditionalRefreshes);
  let made = 0;
  // Calls keep the numbers that they have where none is left out.
  const actions = sampled.map((timestep, call): CallAction => {
    if (timestep !== timesteps[made]) return 'skipped';
    made += 1;
    if (alone.has(call)) return 'conditional';
    return refreshes.has(call) ? 'full' : 'cached';
  });
  return callPlanText(actions);
}
