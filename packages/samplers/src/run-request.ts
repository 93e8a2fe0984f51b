import { CacheQuantError } from '@cachequant/tensor';
import type { RunRequest } from './run-layout.js';
import type { ScheduleName } from './schedules/align-your-steps.js';

/** The options of `createSampler` that lay out a run. */
export interface RunOptions {
  /**
   * Steps of the sampler, from 1 to the configuration's `num_train_timesteps`. May be left out where `timesteps` or
   * `sigmas` is a list, or a named list, which has ten.
   */
  readonly steps?: number | undefined;
  /**
   * Images in one state, one after another; 1 when left out. It matters for dynamic thresholding and for
   * networks that predict the variance alone.
   */
  readonly images?: number | undefined;
  /** Timesteps of the steps in place of the configuration's spacing: descending numbers, or a list by name. */
  readonly timesteps?: readonly number[] | ScheduleName | undefined;
  /** Noise levels of the steps in place of the configuration's spacing, descending, without the end; before any shift. */
  readonly sigmas?: readonly number[] | undefined;
  /** Tokens that the picture is in the network; for configurations with `use_dynamic_shifting`. */
  readonly imageTokens?: number | undefined;
  /** The logarithm of the shift, in place of that which follows from `imageTokens`. */
  readonly mu?: number | undefined;
  /** Share of new noise in each step, from 0 to 1: DDIM (0 when left out) and TCD (0.3). */
  readonly eta?: number | undefined;
}

/** Steps of a named list, where none are asked for. */
const NAMED_STEPS = 10;

/** @throws CacheQuantError `invalid-argument` for values that cannot be, each named */
export function runRequest(options: RunOptions): RunRequest {
  const { timesteps, sigmas, imageTokens, mu, eta, images = 1 } = options;
  if (timesteps !== undefined && sigmas !== undefined) {
    throw refusal('timesteps and sigmas cannot both be given', 'one of them', 'both');
  }
  check(
    'images',
    images,
    Number.isInteger(images) && images >= 1,
    'an integer of at least 1',
    'the number of images is invalid',
  );
  check('eta', eta, eta === undefined || (eta >= 0 && eta <= 1), 'a number from 0 to 1');
  check('mu', mu, mu === undefined || Number.isFinite(mu), 'a finite number');
  check('imageTokens', imageTokens, imageTokens === undefined || imageTokens >= 1, 'at least 1');
  if (typeof timesteps === 'object') checkDescending('timesteps', timesteps, 0);
  if (sigmas !== undefined) checkDescending('sigmas', sigmas, Number.MIN_VALUE);
  return {
    steps: stepsOf(options),
    images,
    ...(timesteps !== undefined && { timesteps }),
    ...(sigmas !== undefined && { sigmas }),
    ...(imageTokens !== undefined && { imageTokens }),
    ...(mu !== undefined && { mu }),
    ...(eta !== undefined && { eta }),
  };
}

function stepsOf({ steps, timesteps, sigmas }: RunOptions): number {
  if (typeof timesteps === 'string') return steps ?? NAMED_STEPS;
  const listed = (timesteps ?? sigmas)?.length;
  if (listed !== undefined && steps !== undefined && steps !== listed) {
    throw refusal(
      'the number of steps and the list disagree',
      `${listed} steps, or none named`,
      String(steps),
    );
  }
  const count = listed ?? steps;
  if (count !== undefined) return count;
  throw refusal('the number of steps is invalid', 'steps, or a list of timesteps or sigmas', 'undefined');
}

function checkDescending(name: string, values: readonly number[], least: number): void {
  const wrong = values.findIndex((value, i) => !(value >= least && (i === 0 || value < values[i - 1]!)));
  if (values.length > 0 && wrong < 0 && Number.isFinite(values[0])) return;
  throw refusal(`${name} are not possible`, 'at least one, descending, none below 0', `[${values}]`);
}

function check(name: string, value: unknown, isPossible: boolean, expected: string, summary?: string): void {
  if (!isPossible) throw refusal(summary ?? `${name} is not possible`, expected, String(value));
}

function refusal(summary: string, expected: string, got: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', summary, { where: 'createSampler', expected, got });
}
