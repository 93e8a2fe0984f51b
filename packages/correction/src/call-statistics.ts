import { CacheQuantError } from '@cachequant/tensor';
import type { FeatureMoments } from './feature-moments.js';
import type { Anchors } from './forecast-prior.js';

/** Means and (co)variances of one channel of a call y and its anchors u (current) and v (previous). */
export interface ChannelStatistics {
  meanY: number;
  meanU: number;
  meanV: number;
  varianceY: number;
  varianceU: number;
  varianceV: number;
  covarianceUY: number;
  covarianceVY: number;
  covarianceUV: number;
  /** Largest mean square of u and v, against which a variance counts as rounding. */
  anchorSquare: number;
}

/**
 * Reads the statistics of one channel after another for a call and its anchors, without a previous anchor
 * with zeros for v. The reader fills and returns the same object every time.
 */
export function statisticsReader(
  moments: FeatureMoments,
  { current, previous }: Anchors,
  call: number,
): (channel: number) => ChannelStatistics {
  requireCovered(moments, { current, previous }, call);
  const { channels, window, sums } = moments;
  const perSample = 1 / moments.samples;
  const rowOf = (later: number, earlier: number) => (later * window + later - earlier) * channels;
  const rowUY = rowOf(call, current);
  const rowUU = rowOf(current, current);
  const hasV = previous >= 0;
  const rowVY = hasV ? rowOf(call, previous) : 0;
  const rowVV = hasV ? rowOf(previous, previous) : 0;
  const rowUV = hasV ? rowOf(current, previous) : 0;
  const v = hasV ? perSample : 0;
  const out = emptyStatistics();
  return (channel) => {
    const meanY = sums.targetSum[call * channels + channel]! * perSample;
    const meanU = sums.anchorSum[current * channels + channel]! * perSample;
    const meanV = hasV ? sums.anchorSum[previous * channels + channel]! * v : 0;
    const squareU = sums.anchorCross[rowUU + channel]! * perSample;
    const squareV = sums.anchorCross[rowVV + channel]! * v;
    out.meanY = meanY;
    out.meanU = meanU;
    out.meanV = meanV;
    out.varianceY = Math.max(sums.targetSquare[call * channels + channel]! * perSample - meanY * meanY, 0);
    out.varianceU = Math.max(squareU - meanU * meanU, 0);
    out.varianceV = Math.max(squareV - meanV * meanV, 0);
    out.covarianceUY = sums.cross[rowUY + channel]! * perSample - meanU * meanY;
    out.covarianceVY = sums.cross[rowVY + channel]! * v - meanV * meanY;
    out.covarianceUV = sums.anchorCross[rowUV + channel]! * v - meanU * meanV;
    out.anchorSquare = Math.max(squareU, squareV);
    return out;
  };
}

/** Mean squared error of y against a0·u + a1·v + b. */
export function meanSquaredResidual(s: ChannelStatistics, a0: number, a1: number, b: number): number {
  const bias = s.meanY - a0 * s.meanU - a1 * s.meanV - b;
  const variance =
    s.varianceY +
    a0 * a0 * s.varianceU +
    a1 * a1 * s.varianceV +
    2 * (a0 * a1 * s.covarianceUV - a0 * s.covarianceUY - a1 * s.covarianceVY);
  return Math.max(variance, 0) + bias * bias;
}

function requireCovered(moments: FeatureMoments, { current, previous }: Anchors, call: number): void {
  if (moments.samples === 0) {
    throw new CacheQuantError('calibration', 'no trajectory was observed', {
      where: 'moments',
      hint: 'Call begin(), observe() for every call, and end() before fitting',
    });
  }
  const reach = call - (previous < 0 ? current : previous);
  if (reach >= moments.window) {
    throw new CacheQuantError('calibration', 'the moments do not reach back to the anchors', {
      where: `call ${call} with anchors ${current} and ${previous < 0 ? 'none' : previous}`,
      expected: `anchors less than ${moments.window} calls back`,
      got: `${reach} calls`,
      hint: `Collect moments with a window of ${reach + 1} or more, or use one anchor`,
    });
  }
  for (const anchor of previous < 0 ? [current] : [current, previous]) {
    if (moments.anchored[anchor] === 1) continue;
    throw new CacheQuantError('calibration', 'a refresh has no anchor in the moments', {
      where: `call ${anchor}`,
      hint: 'Give an anchor to observe() at every call of the schedule',
    });
  }
}

function emptyStatistics(): ChannelStatistics {
  return {
    meanY: 0,
    meanU: 0,
    meanV: 0,
    varianceY: 0,
    varianceU: 0,
    varianceV: 0,
    covarianceUY: 0,
    covarianceVY: 0,
    covarianceUV: 0,
    anchorSquare: 0,
  };
}
