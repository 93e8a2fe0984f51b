import type { PictureScorer, ScorerReference } from '@cachequant/evaluate';
import type { GenerationOptions } from './generation-options.js';
import type { ShardArguments } from './shards.js';

/** Options of `cachequant evaluate`. */
export interface EvaluateOptions extends GenerationOptions, ShardArguments {
  readonly reference?: string;
  readonly scorer?: string;
  readonly prompts?: string;
  readonly images?: number;
  readonly out: string;
}

/** A scorer and what is known about its outputs. */
export interface KnownScorer {
  readonly scorer: PictureScorer | undefined;
  readonly reference: ScorerReference;
}

export const NO_SCORER: KnownScorer = {
  scorer: undefined,
  reference: { distribution: undefined, classes: {} },
};
