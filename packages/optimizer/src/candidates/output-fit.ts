import { AffineMoments, type AffineSnapshot, fitAffineCorrection } from '@cachequant/correction';
import type { OutputCorrection } from '@cachequant/quantizer';

/** What the quantization correction does for a layer, over the images it was fitted on. */
export interface OutputFit extends OutputCorrection {
  /** Mean squared error of the layer's output, integer against float, [calls]. */
  readonly errorBefore: Float64Array;
  readonly errorAfter: Float64Array;
}

/** Least squares over all images, kept everywhere: the paper's fit, but without the bias (see `observeOutputs`). */
export function fitOutput([even, odd]: readonly [AffineSnapshot, AffineSnapshot]): OutputFit {
  const merged = AffineMoments.restore(even);
  merged.merge(AffineMoments.restore(odd));
  const { scale, offset, residual, residualUncorrected } = fitAffineCorrection(merged);
  return { scale, offset, errorBefore: residualUncorrected, errorAfter: residual };
}
