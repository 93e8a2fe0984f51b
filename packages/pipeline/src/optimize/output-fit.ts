import {
  AffineMoments,
  type AffineSnapshot,
  fitAffineCorrection,
  keepAffineWhereBetter,
} from '@cachequant/correction';
import type { OutputCorrection } from '@cachequant/quantizer';

/** What the quantization correction does for a layer, over the images it was fitted on. */
export interface OutputFit extends OutputCorrection {
  /** Mean squared error of the layer's output, integer against float, [calls]. */
  readonly errorBefore: Float64Array;
  readonly errorAfter: Float64Array;
}

/** How the quantization correction is fitted: checked on images it has not seen, or as in the paper. */
export type OutputFitKind = 'checked' | 'paper';

/** Least squares over all images, kept everywhere: the paper's fit, but without the bias (see `observeOutputs`). */
export function fitOutputAsPaper([even, odd]: readonly [AffineSnapshot, AffineSnapshot]): OutputFit {
  const merged = AffineMoments.restore(even);
  merged.merge(AffineMoments.restore(odd));
  const { scale, offset, residual, residualUncorrected } = fitAffineCorrection(merged);
  return { scale, offset, errorBefore: residualUncorrected, errorAfter: residual };
}

/**
 * Fits scale and offset per (call, output channel), keeping each only where it helps on the half of the
 * images that the fit has not seen, in both directions.
 */
export function fitOutput([even, odd]: readonly [AffineSnapshot, AffineSnapshot]): OutputFit {
  const halves = [AffineMoments.restore(even), AffineMoments.restore(odd)] as const;
  const merged = AffineMoments.restore(even);
  merged.merge(halves[1]);
  const fit = fitAffineCorrection(merged);
  const checks = [
    keepAffineWhereBetter(fitAffineCorrection(halves[0]), halves[1]),
    keepAffineWhereBetter(fitAffineCorrection(halves[1]), halves[0]),
  ];
  const kept = (at: number) => checks.every(({ scale, offset }) => scale[at] !== 1 || offset[at] !== 0);
  return {
    scale: fit.scale.map((value, at) => (kept(at) ? value : 1)),
    offset: fit.offset.map((value, at) => (kept(at) ? value : 0)),
    errorBefore: fit.residualUncorrected,
    errorAfter: fit.residual,
  };
}
