import type { Sampler } from '@cachequant/samplers';
import { CacheQuantError } from '@cachequant/tensor';
import type { Recipe } from '../recipe.js';

/**
 * Refuses a search of calls where there is no cache, and with samplers that cannot leave out calls: a run with a list of
 * the sampler's own timesteps has to be the very run that the sampler lays out.
 * @param samplerAt lays out the sampler at timesteps
 */
export function requireSearchable(
  { schedule, interval }: Pick<Recipe, 'schedule' | 'interval'>,
  sampler: Sampler,
  samplerAt: (timesteps: readonly number[]) => Sampler,
): void {
  if (schedule !== 'search') return;
  if (interval === 1) {
    throw new CacheQuantError('invalid-argument', 'a search of calls needs a cache', {
      where: 'option schedule',
      expected: 'an interval of at least 2',
      got: `interval ${interval}`,
      hint: 'Give an interval, and enough steps for it: it says how long a picture may take.',
    });
  }
  if (!sampler.stochastic && listsItself(sampler, samplerAt)) return;
  throw new CacheQuantError('unsupported', 'the sampler cannot leave out calls', {
    where: 'option schedule',
    expected: 'a sampler that draws no noise and takes timesteps, with noise levels as its timesteps say',
    got: sampler.name,
    hint: 'Choose another sampler, such as dpm-solver++, or another schedule.',
  });
}

function listsItself(
  { timesteps, sigmas }: Sampler,
  samplerAt: (timesteps: readonly number[]) => Sampler,
): boolean {
  try {
    const listed = samplerAt(timesteps);
    return `${listed.timesteps}` === `${timesteps}` && `${listed.sigmas}` === `${sigmas}`;
  } catch (error) {
    if (CacheQuantError.is(error)) return false;
    throw error;
  }
}
