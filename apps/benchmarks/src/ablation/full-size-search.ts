import type { CallCosts } from '@cachequant/scheduler';
import { readResults } from '../read-results.js';
import { resultsName } from '../results.js';

/** Levers that search with the times that calls have in a U-Net of Stable Diffusion 1.5's size at 512×512 pixels. */
export const FULL_SIZE_SEARCHES = [
  'lever: search for 512 pixels with VNNI',
  'lever: search for 512 pixels without VNNI',
] as const;
export type FullSizeSearch = (typeof FULL_SIZE_SEARCHES)[number];

export const isFullSizeSearch = (lever: string): lever is FullSizeSearch =>
  FULL_SIZE_SEARCHES.some((search) => search === lever);

/** The search whose times are those of a kind of processor. */
export const fullSizeSearchOn = (int8FullRange: boolean): FullSizeSearch =>
  FULL_SIZE_SEARCHES[int8FullRange ? 0 : 1];

/** By interval: times as fast as 50 PLMS steps in float, which is faster than evenly spaced refreshes at that interval. */
const SPEEDS: Readonly<Record<FullSizeSearch, Readonly<Record<number, number>>>> = {
  'lever: search for 512 pixels with VNNI': { 5: 12, 10: 20 },
  'lever: search for 512 pixels without VNNI': { 5: 8, 10: 13 },
};

/** At which there is a speed to reach. */
export const searchedIntervals = (lever: FullSizeSearch): number[] => Object.keys(SPEEDS[lever]).map(Number);

export const speedWanted = (lever: FullSizeSearch, interval: number): number => SPEEDS[lever][interval]!;

/** A loop takes more than its calls: noise, guidance and the solver are its own. */
const MARGIN = 1.02;

/** Milliseconds of calls of each kind, and of what all calls of a picture may take. */
export interface SearchTimes {
  readonly costs: CallCosts;
  readonly budget: number;
}

export async function fullSizeTimes(lever: FullSizeSearch, interval: number): Promise<SearchTimes> {
  const int8FullRange = lever === fullSizeSearchOn(true);
  const { calls, loops } = await readResults(resultsName('sd15-unet', true, { int8FullRange }));
  const ms = (name: string) => calls[name]!.medianMs;
  const { floatSeconds } = loops.find(({ sampler, steps }) => sampler === 'pndm' && steps === 50)!;
  return {
    costs: { full: ms('full'), conditional: ms('fullHalf'), cached: ms('cachedHalf') },
    budget: (1000 * floatSeconds) / (MARGIN * speedWanted(lever, interval)),
  };
}
