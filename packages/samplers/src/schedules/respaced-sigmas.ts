import { conflictingFields } from '../config.js';
import type { RunLayout } from '../run-layout.js';
import { betaSigmas, exponentialSigmas, karrasSigmas } from './sigma-spacing.js';

export interface Respacing {
  readonly use_karras_sigmas: boolean;
  readonly use_exponential_sigmas: boolean;
  readonly use_beta_sigmas: boolean;
}

export type RespacingKind = 'karras' | 'exponential' | 'beta';

/**
 * Which other spacing of noise levels a configuration asks for.
 * @throws CacheQuantError `unsupported` when it asks for two
 */
export function respacingKind(config: Respacing): RespacingKind | undefined {
  const asked = [
    config.use_karras_sigmas && 'use_karras_sigmas',
    config.use_exponential_sigmas && 'use_exponential_sigmas',
    config.use_beta_sigmas && 'use_beta_sigmas',
  ].filter((field) => field !== false);
  if (asked.length > 1) {
    throw conflictingFields(`${asked.join(' and ')} are true, which exclude each other`, 'Set one of them');
  }
  if (config.use_karras_sigmas) return 'karras';
  if (config.use_exponential_sigmas) return 'exponential';
  return config.use_beta_sigmas ? 'beta' : undefined;
}

/**
 * Noise levels from the greatest to the smallest, descending.
 * @throws CacheQuantError `unsupported` where the smallest is 0, which has no logarithm
 */
export function respacedSigmas(kind: RespacingKind, max: number, min: number, steps: number): number[] {
  if (!(min > 0)) {
    throw conflictingFields(
      `use_${kind}_sigmas needs a smallest noise level above 0, and beta_start 0 leaves none at timestep 0`,
      'Set beta_start above 0, or another spacing',
    );
  }
  switch (kind) {
    case 'karras':
      return karrasSigmas(max, min, steps);
    case 'exponential':
      return exponentialSigmas(max, min, steps);
    case 'beta':
      return betaSigmas(max, min, steps);
  }
}

/**
 * Timesteps of your own and another spacing of the noise levels contradict each other.
 * @throws CacheQuantError `unsupported`
 */
export function checkListed({ timesteps }: Pick<RunLayout, 'timesteps'>, spacing: string | undefined): void {
  if (timesteps === undefined || spacing === undefined) return;
  throw conflictingFields(
    `timesteps of your choice and ${spacing} noise levels exclude each other`,
    'Leave timesteps out, or override the field that asks for that spacing',
  );
}
