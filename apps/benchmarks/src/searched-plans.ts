import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fullSizeSearchOn } from './ablation/full-size-search.js';
import { ablationFile } from './ablation/models/index.js';
import { ablationSchema } from './ablation/results.js';
import type { Loop, LoopPlan } from './contestants.js';
import { RESULTS } from './paths.js';

/** Calls that a search on a trained model has chosen for the times of calls at 512×512 pixels. */
export interface SearchedPlan extends LoopPlan {
  /** Whose evenly spaced refreshes it was to be faster than. */
  readonly interval: number;
  /** Of as many steps as calls are made: which timesteps they are of does not change their time. */
  readonly loop: Loop;
}

/** Those for a kind of processor, from what `npm run ablation -- --levers` has written. */
export async function readSearchedPlans(int8FullRange: boolean): Promise<SearchedPlan[]> {
  const file = path.join(RESULTS, `${ablationFile('fashion-sd', true)}.json`);
  const { rows } = ablationSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  return rows.flatMap(({ curve, interval, plan }) =>
    plan && curve === fullSizeSearchOn(int8FullRange) ? [{ interval, ...loopOf(plan) }] : [],
  );
}

/** A loop of the calls that a plan's text makes: F full, H one half of it, c from the cache, · left out. */
export function loopOf(plan: string): Omit<SearchedPlan, 'interval'> {
  const made = [...plan].filter((letter) => letter !== '·');
  const callsOf = (letters: string) =>
    made.flatMap((letter, call) => (letters.includes(letter) ? [call] : []));
  return {
    loop: { sampler: 'dpmsolver++', steps: made.length },
    refreshCalls: callsOf('FH'),
    conditionalRefreshes: callsOf('H'),
  };
}
