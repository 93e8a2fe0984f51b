import { describe, expect, it } from 'vitest';
import {
  channelAt,
  layoutFor,
  observedMoments,
  randomTrajectory,
  seededNormal,
  type Trajectory,
} from './__fixtures__/trajectories.js';
import { fitCacheCorrection } from './cache-correction.js';
import { pureForecast } from './forecast-tables.js';
import { keepWhereBetter } from './keep-where-better.js';

const calls = 6;
const refreshCalls = [0, 2, 4];
const layout = layoutFor(1, 3, 80);
const normal = seededNormal(3);

/** Call 5 is the given multiple of call 4 in every channel, call 3 a copy of call 2. */
function trajectoryWith(slopes: readonly number[]): Trajectory {
  const trajectory = randomTrajectory(calls, layout, normal);
  trajectory[3] = trajectory[2]!.slice();
  trajectory[5] = trajectory[4]!.map((value, at) => slopes[channelAt(at, layout)]! * value);
  return trajectory;
}

describe('keepWhereBetter(fit, prior, heldOut)', () => {
  const seen = observedMoments([trajectoryWith([1.5, 1.5, 1.5])], layout, calls);
  const heldOut = observedMoments([trajectoryWith([1.5, 1, 0.8])], layout, calls);
  const fit = fitCacheCorrection(seen, { refreshCalls, anchors: 2 });
  const prior = pureForecast({ calls, channels: 3, refreshCalls, prior: 'reuse' });
  const checked = keepWhereBetter(fit, prior, heldOut);

  it('keeps the fit of the channels where it helps and takes the prior elsewhere', () => {
    expect(checked.a0[15]).toBeCloseTo(1.5, 4);
    expect([...checked.a0.subarray(16)]).toEqual([1, 1]);
    expect([...checked.a1.subarray(16)]).toEqual([0, 0]);
    expect([...checked.b.subarray(16)]).toEqual([0, 0]);
  });

  it('reports residuals on the held-out moments, never above the fit or the prior', () => {
    for (let call = 0; call < calls; call++) {
      expect(checked.residual[call]).toBeLessThanOrEqual(checked.residualPrior[call]! + 1e-12);
    }
    expect(checked.residual[5]).toBeLessThan(checked.residualPrior[5]! * 0.9);
    expect(checked.residualUncorrected).toEqual(checked.residualPrior);
  });

  it('counts the kept share over cached calls', () => {
    let kept = 0;
    for (const call of [1, 3, 5]) {
      for (let at = call * 3; at < call * 3 + 3; at++) {
        if (checked.a0[at] !== 1 || checked.b[at] !== 0) kept++;
      }
    }
    expect(checked.keptShare).toBeCloseTo(kept / 9, 12);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(9);
  });

  it('takes an extrapolation for prior where the fit has one anchor', () => {
    const single = fitCacheCorrection(seen, { refreshCalls, anchors: 1 });
    const line = pureForecast({ calls, channels: 3, refreshCalls, prior: 'extrapolation' });
    const mixed = keepWhereBetter(single, line, heldOut);
    for (let at = 15; at < 18; at++) {
      const expected = mixed.a1[at] === 0 ? single.a0[at] : line.a0[at];
      expect(mixed.a0[at]).toBe(expected);
    }
    expect(mixed.residual[5]).toBeLessThanOrEqual(mixed.residualPrior[5]!);
  });

  it('leaves fit and prior as they were', () => {
    expect(fit.a0[16]).toBeCloseTo(1.5, 4);
    expect(prior.a0.every((value) => value === 1)).toBe(true);
  });

  it('rejects tables of another schedule or size', () => {
    const other = pureForecast({ calls, channels: 3, refreshCalls: [0, 3], prior: 'reuse' });
    expect(() => keepWhereBetter(fit, other, heldOut)).toThrowError(
      /different schedules.*\[0, 2, 4\].*\[0, 3\]/,
    );
    const narrow = pureForecast({ calls, channels: 2, refreshCalls, prior: 'reuse' });
    expect(() => keepWhereBetter(fit, narrow, heldOut)).toThrowError(
      /channels of the prior.*expected 3, got 2/,
    );
  });
});
