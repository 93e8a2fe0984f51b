import type { DType } from '@cachequant/tensor';
import type { Dim } from '../model.js';

interface Cut {
  /** Names the cut within its model, the same whatever nodes and tensors are called. */
  readonly id: string;
  /** Multiply-adds of the cached graph over those of the full graph. */
  readonly cachedShare: number;
  /** Shape of the cached tensor for the inputs that the search was given. */
  readonly cacheDims: Dim[];
  readonly dtype: DType;
}

/** Caches what an up-path concatenation joins with its skip connection. */
export interface UpConcatCut extends Cut {
  readonly kind: 'up-concat';
  readonly tensor: string;
}

/** Caches what a range of blocks adds to the residual stream. */
export interface ResidualDeltaCut extends Cut {
  readonly kind: 'residual-delta';
  /** The stream before the range. */
  readonly start: string;
  /** The stream after the range. */
  readonly end: string;
  /** Blocks of the stream that still run before the range, that are cached, and that still run after it. */
  readonly blocks: { readonly before: number; readonly cached: number; readonly after: number };
}

/**
 * Caches what a range of blocks adds to two streams that read each other, one behind the other along the tokens, and to
 * the stream that they are joined to.
 */
export interface JointDeltaCut extends Cut {
  readonly kind: 'joint-delta';
  /** The streams before the range: two, or the one that they were joined to. */
  readonly start: readonly string[];
  /** The streams after the range. */
  readonly end: readonly string[];
  /** Blocks that still run before the range, that are cached, and that still run after it. */
  readonly blocks: { readonly before: number; readonly cached: number; readonly after: number };
}

/** A place where a denoiser can be split into a full and a cached graph. */
export type CutCandidate = UpConcatCut | ResidualDeltaCut | JointDeltaCut;
