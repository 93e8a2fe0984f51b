import { requireNotNegative } from './arguments.js';
import type { ChannelStatistics } from './call-statistics.js';
import type { ForecastPrior } from './forecast-prior.js';

/** How the coefficients of one channel are fitted; everything may be left out. */
export interface FitOptions {
  /** Where the coefficients are drawn to, and what stands where nothing can be fitted; `reuse` by default. */
  prior?: ForecastPrior;
  /**
   * Strength of the pull towards the prior, relative to the mean variance of the anchors: 0 is least squares
   * (the default), ∞ the prior itself.
   */
  shrinkage?: number;
  /** Whether b is fitted (else 0, and the regression is not centred); true by default. */
  fitOffset?: boolean;
  /** Channels whose anchors vary less keep the prior, in squared units of the feature; 1e-10 by default. */
  minVariance?: number;
}

export type ResolvedFitOptions = Required<FitOptions>;

export function resolveFitOptions(options: FitOptions): ResolvedFitOptions {
  const { prior = 'reuse', shrinkage = 0, fitOffset = true, minVariance = 1e-10 } = options;
  requireNotNegative('shrinkage', shrinkage);
  requireNotNegative('minVariance', minVariance);
  return { prior, shrinkage, fitOffset, minVariance };
}

export interface ChannelFit {
  a0: number;
  a1: number;
  b: number;
}

/** Below this share of the mean square, a variance is rounding of the float64 sums. */
const ROUNDING = 1e-12;

/**
 * Ridge regression of y on the anchors u and v around the prior coefficients r:
 * minimises E(y − a0·u − a1·v − b)² + λ · m · |a − r|², m the mean variance of the anchors.
 */
export function fitChannel(
  statistics: ChannelStatistics,
  priorA: readonly [number, number],
  twoAnchors: boolean,
  { shrinkage, fitOffset, minVariance }: ResolvedFitOptions,
): ChannelFit {
  const s = fitOffset ? statistics : aroundZero(statistics);
  const [r0, r1] = priorA;
  const level = twoAnchors ? (s.varianceU + s.varianceV) / 2 : s.varianceU;
  let a0 = r0;
  let a1 = r1;
  if (shrinkage < Infinity && level > Math.max(minVariance, ROUNDING * statistics.anchorSquare)) {
    const ridge = shrinkage * level;
    const gradientU = s.covarianceUY - r0 * s.varianceU - r1 * s.covarianceUV;
    const gradientV = s.covarianceVY - r0 * s.covarianceUV - r1 * s.varianceV;
    if (twoAnchors) {
      const [d0, d1] = solveSymmetric(
        s.varianceU + ridge,
        s.covarianceUV,
        s.varianceV + ridge,
        gradientU,
        gradientV,
      );
      a0 += d0;
      a1 += d1;
    } else {
      a0 += gradientU / (s.varianceU + ridge);
    }
  }
  return { a0, a1, b: fitOffset ? s.meanY - a0 * s.meanU - a1 * s.meanV : 0 };
}

/** Below this 1 − ρ², inverting the matrix directly would lose too many digits. */
const WELL_CONDITIONED = 1e-6;

/** Directions of the anchors with less than this share of their variance are left to the prior. */
const COLLINEAR = 1e-9;

/**
 * Solves [[p, q], [q, r]] x = g for a positive semidefinite matrix. Nearly collinear anchors are solved along
 * the two principal axes, without the weaker one where it is lost in rounding: the least-norm solution.
 */
export function solveSymmetric(p: number, q: number, r: number, g0: number, g1: number): [number, number] {
  const determinant = p * r - q * q;
  if (determinant > WELL_CONDITIONED * p * r) {
    return [(r * g0 - q * g1) / determinant, (p * g1 - q * g0) / determinant];
  }
  const angle = 0.5 * Math.atan2(2 * q, p - r);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const strong = p * cos * cos + 2 * q * sin * cos + r * sin * sin;
  const weak = p * sin * sin - 2 * q * sin * cos + r * cos * cos;
  if (strong <= 0) return [0, 0];
  const alongStrong = (g0 * cos + g1 * sin) / strong;
  const alongWeak = weak > COLLINEAR * strong ? (g1 * cos - g0 * sin) / weak : 0;
  return [alongStrong * cos - alongWeak * sin, alongStrong * sin + alongWeak * cos];
}

function aroundZero(s: ChannelStatistics): ChannelStatistics {
  return {
    ...s,
    meanY: 0,
    meanU: 0,
    meanV: 0,
    varianceY: s.varianceY + s.meanY * s.meanY,
    varianceU: s.varianceU + s.meanU * s.meanU,
    varianceV: s.varianceV + s.meanV * s.meanV,
    covarianceUY: s.covarianceUY + s.meanU * s.meanY,
    covarianceVY: s.covarianceVY + s.meanV * s.meanY,
    covarianceUV: s.covarianceUV + s.meanU * s.meanV,
  };
}
