import { type IntegerTarget, onnxRuntimeTarget, qdqTarget, type WeightBits } from '@cachequant/quantizer';
import type { Recipe } from './recipe.js';

/** The numbers that layers are quantized to, and what computes with them. */
export interface Format {
  readonly target: IntegerTarget;
  /** Of the weights of layers that compute in integers. */
  readonly weightBits: WeightBits;
  /**
   * Of weights that stay at about eight bits whatever the others have: of the layer experiment, and of other parts than the
   * denoiser. 7 where sums of pairs must fit the 16 bits of processors without VNNI.
   */
  readonly wideBits: 7 | 8;
  readonly activationBits: 8;
}

/** What a recipe quantizes to; undefined where everything stays in float. */
export function formatOf({ bits, target }: Pick<Recipe, 'bits' | 'target'>): Format | undefined {
  if (bits === 'none') return undefined;
  const wideBits = wideBitsOf(target);
  return {
    target: targetOf(target),
    weightBits: bits === 'w4a8' ? 4 : wideBits,
    wideBits,
    activationBits: 8,
  };
}

const INTEGER_TARGETS = {
  portable: onnxRuntimeTarget,
  vnni: onnxRuntimeTarget,
  qdq: qdqTarget,
} as const satisfies Record<Recipe['target'], IntegerTarget>;

/** What writes the graphs of a recipe's target, those in float too. */
export function targetOf(target: Recipe['target']): IntegerTarget {
  return INTEGER_TARGETS[target];
}

/** Weights of at most so many bits are computed exactly by every processor of the target. */
export function wideBitsOf(target: Recipe['target']): 7 | 8 {
  return target === 'vnni' ? 8 : 7;
}
