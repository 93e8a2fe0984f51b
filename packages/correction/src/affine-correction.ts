import { CacheQuantError } from '@cachequant/tensor';
import type { AffineMoments, AffineSums } from './affine-moments.js';
import { requireNotNegative, requireSame } from './arguments.js';

/** How {@link fitAffine} fits a scale and an offset; everything may be left out. */
export interface AffineOptions {
  /** Scales outside this range become 1, so that integer weight scales stay usable; [0.5, 2] by default. */
  clamp?: readonly [number, number];
  /** Pull of the scale towards 1, relative to the variance of x: 0 is least squares (the default). */
  shrinkage?: number;
  /** Below this variance of x, in squared units of the layer's output, the scale is 1; 1e-10 by default. */
  minVariance?: number;
}

/** y ≈ scale · x + offset */
export interface AffineFit {
  scale: number;
  offset: number;
}

/** Scale and offset per call and output channel, [calls, channels] row-major; 1 and 0 where nothing was seen. */
export interface AffineCorrection {
  readonly calls: number;
  readonly channels: number;
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  /** Mean squared residual per call, over channels and samples; 0 where nothing was seen. */
  readonly residual: Float64Array;
  /** The same for y ≈ x. */
  readonly residualUncorrected: Float64Array;
}

/** Below this share of the mean square, a variance is rounding of the float64 sums. */
const ROUNDING = 1e-12;

/**
 * Least-squares line through (x, y) of one channel: scale = Cov / Var, offset = ȳ − scale · x̄.
 *
 * Where x hardly varies, or the scale leaves the clamp, the scale is 1 and the offset the mean difference.
 * Source: quantization part of the decoupled error correction, CacheQuant (https://arxiv.org/abs/2503.01323).
 * Differs: x and y come without the convolution's bias; guarded and clamped.
 * @throws CacheQuantError `calibration` when n is 0, `invalid-argument` for a malformed option
 */
export function fitAffine(sums: AffineSums, options: AffineOptions = {}): AffineFit {
  const { clamp = [0.5, 2], shrinkage = 0, minVariance = 1e-10 } = options;
  requireNotNegative('shrinkage', shrinkage);
  requireNotNegative('minVariance', minVariance);
  requireClamp(clamp);
  if (!(sums.n > 0)) {
    throw new CacheQuantError('calibration', 'there are no samples to fit', {
      where: 'fitAffine',
      expected: 'n > 0',
      got: String(sums.n),
    });
  }
  const meanX = sums.sumX / sums.n;
  const meanY = sums.sumY / sums.n;
  const square = sums.sumXX / sums.n;
  const variance = square - meanX * meanX;
  const covariance = sums.sumXY / sums.n - meanX * meanY;
  const varies = variance > Math.max(minVariance, ROUNDING * square);
  const slope = varies && shrinkage < Infinity ? (covariance / variance + shrinkage) / (1 + shrinkage) : 1;
  const scale = slope >= clamp[0] && slope <= clamp[1] ? slope : 1;
  return { scale, offset: meanY - scale * meanX };
}

/** Fits every call and channel that was observed. */
export function fitAffineCorrection(moments: AffineMoments, options: AffineOptions = {}): AffineCorrection {
  const { scale, offset } = identity(moments);
  forEachObserved(moments, (call, channel, at) => {
    const fit = fitAffine(moments.at(call, channel), options);
    scale[at] = fit.scale;
    offset[at] = fit.offset;
  });
  return withResiduals(moments, scale, offset);
}

/**
 * Keeps scale and offset of a (call, channel) only where they lower the mean squared residual on held-out
 * moments, and takes 1 and 0 elsewhere; residuals are those on the held-out moments.
 */
export function keepAffineWhereBetter(fit: AffineCorrection, heldOut: AffineMoments): AffineCorrection {
  requireSame('calls of the held-out moments', fit.calls, heldOut.calls);
  requireSame('channels of the held-out moments', fit.channels, heldOut.channels);
  const { scale, offset } = identity(heldOut);
  forEachObserved(heldOut, (call, channel, at) => {
    const sums = heldOut.at(call, channel);
    if (residualOf(sums, fit.scale[at]!, fit.offset[at]!) >= residualOf(sums, 1, 0)) return;
    scale[at] = fit.scale[at]!;
    offset[at] = fit.offset[at]!;
  });
  return withResiduals(heldOut, scale, offset);
}

function withResiduals(moments: AffineMoments, scale: Float32Array, offset: Float32Array): AffineCorrection {
  const { calls, channels } = moments;
  const residual = new Float64Array(calls);
  const residualUncorrected = new Float64Array(calls);
  forEachObserved(moments, (call, channel, at) => {
    const sums = moments.at(call, channel);
    residual[call]! += residualOf(sums, scale[at]!, offset[at]!) / channels;
    residualUncorrected[call]! += residualOf(sums, 1, 0) / channels;
  });
  return { calls, channels, scale, offset, residual, residualUncorrected };
}

function identity({ calls, channels }: AffineMoments): { scale: Float32Array; offset: Float32Array } {
  return { scale: new Float32Array(calls * channels).fill(1), offset: new Float32Array(calls * channels) };
}

function forEachObserved(
  moments: AffineMoments,
  visit: (call: number, channel: number, at: number) => void,
): void {
  for (let call = 0; call < moments.calls; call++) {
    if (moments.samples[call] === 0) continue;
    for (let channel = 0; channel < moments.channels; channel++) {
      visit(call, channel, call * moments.channels + channel);
    }
  }
}

/** E(y − scale · x − offset)², from centred moments so that large means do not cancel. */
function residualOf(sums: AffineSums & { sumYY: number }, scale: number, offset: number): number {
  const meanX = sums.sumX / sums.n;
  const meanY = sums.sumY / sums.n;
  const varianceX = Math.max(sums.sumXX / sums.n - meanX * meanX, 0);
  const varianceY = Math.max(sums.sumYY / sums.n - meanY * meanY, 0);
  const covariance = sums.sumXY / sums.n - meanX * meanY;
  const bias = meanY - scale * meanX - offset;
  return Math.max(varianceY + scale * scale * varianceX - 2 * scale * covariance, 0) + bias * bias;
}

function requireClamp(clamp: readonly [number, number]): void {
  if (clamp[0] > 0 && clamp[0] <= 1 && clamp[1] >= 1) return;
  throw new CacheQuantError('invalid-argument', 'the value is not a range around 1', {
    where: 'clamp',
    expected: '[low, high] with 0 < low ≤ 1 ≤ high',
    got: `[${clamp.join(', ')}]`,
  });
}
