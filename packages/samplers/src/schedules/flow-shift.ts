import { CacheQuantError } from '@cachequant/tensor';
import type { RunLayout } from '../run-layout.js';
import { linspace } from './rounding.js';

export interface ShiftConfig {
  readonly use_dynamic_shifting: boolean;
  readonly time_shift_type: 'exponential' | 'linear';
  readonly base_shift?: number;
  readonly max_shift?: number;
  readonly base_image_seq_len?: number;
  readonly max_image_seq_len?: number;
}

/**
 * Moves noise levels towards more noise, as larger pictures need.
 * Source: Esser et al., Scaling Rectified Flow Transformers, eq. 23, https://arxiv.org/abs/2403.03206.
 * @param sigmas in [0, 1]
 */
export function shiftSigmas(sigmas: readonly number[], shift: number): number[] {
  return sigmas.map((sigma) => (shift * sigma) / (1 + (shift - 1) * sigma));
}

/** Stretches noise levels so that the last becomes `terminal`, and 1 stays. */
export function stretchToTerminal(sigmas: readonly number[], terminal: number): number[] {
  const stretch = (1 - sigmas.at(-1)!) / (1 - terminal);
  return sigmas.map((sigma) => 1 - (1 - sigma) / stretch);
}

/** The noise levels 1, 1 − 1/n, …, 1/n, from which Flux's runs start before they are shifted. */
export function evenFlowSigmas(steps: number): number[] {
  return linspace(1, 1 / steps, steps);
}

/**
 * The shift of a run: `fixed`, or with dynamic shifting e^μ (`linear`: μ), where μ grows with the number of tokens of
 * the picture.
 * Source: Black Forest Labs, Flux, get_lin_function, https://github.com/black-forest-labs/flux.
 * @throws CacheQuantError `invalid-argument` where μ is needed and neither it nor the number of tokens is given, or is
 * given and not needed
 */
export function shiftOfRun(name: string, config: ShiftConfig, fixed: number, layout: RunLayout): number {
  if (!config.use_dynamic_shifting) {
    if (layout.mu === undefined) return fixed;
    throw new CacheQuantError('invalid-argument', `${name} takes mu only with use_dynamic_shifting`, {
      where: 'createSampler',
      got: `mu ${layout.mu}, use_dynamic_shifting false`,
      hint: 'Omit mu, or override use_dynamic_shifting',
    });
  }
  const mu = layout.mu ?? muOfTokens(config, layout.imageTokens);
  if (mu === undefined) {
    throw new CacheQuantError('invalid-argument', 'use_dynamic_shifting shifts by the size of the picture', {
      where: name,
      expected: 'the option imageTokens, or mu itself',
      got: 'neither',
    });
  }
  return config.time_shift_type === 'exponential' ? Math.exp(mu) : mu;
}

function muOfTokens(config: ShiftConfig, tokens: number | undefined): number | undefined {
  if (tokens === undefined) return undefined;
  const { base_shift: low = 0.5, max_shift: high = 1.15 } = config;
  const { base_image_seq_len: small = 256, max_image_seq_len: large = 4096 } = config;
  return low + ((tokens - small) * (high - low)) / (large - small);
}
