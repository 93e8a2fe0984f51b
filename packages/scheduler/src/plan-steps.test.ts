import { CacheQuantError, finishUnlessAborted } from '@cachequant/tensor';
import { stoppedAfter } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { allSchedules, bruteForceCost, seededRandom } from './__fixtures__/brute-force.js';
import { planSteps, planStepsInPieces, type StepErrors, stepPlanError } from './plan-steps.js';

/** Longer steps are worse on the whole; some are forbidden. */
function randomErrors(points: number, random: () => number, forbidden = 0): StepErrors {
  const error = new Float64Array(points * (points + 1));
  for (let i = 0; i < points; i++) {
    for (let j = i + 1; j <= points; j++) {
      error[i * (points + 1) + j] = random() < forbidden ? Infinity : random() * (j - i) ** 2;
    }
  }
  return { points, error };
}

describe('planSteps(errors, { steps })', () => {
  const random = seededRandom(3);
  for (const points of [1, 2, 3, 5, 8, 10]) {
    it(`leaves the least error of all paths over ${points} points, for every number of steps`, () => {
      for (let trial = 0; trial < 5; trial++) {
        const errors = randomErrors(points, random);
        for (let steps = 1; steps <= points; steps++) {
          const plan = planSteps(errors, { steps });
          const least = bruteForceCost(allSchedules(points, steps), (calls) => stepPlanError(errors, calls));
          expect(plan.error).toBeCloseTo(least, 10);
          expect(stepPlanError(errors, plan.calls)).toBeCloseTo(plan.error, 10);
          expect(plan.calls).toHaveLength(steps);
        }
      }
    });
  }

  it('goes around forbidden steps, and says when there is no way around', () => {
    let refused = 0;
    for (let trial = 0; trial < 30; trial++) {
      const errors = randomErrors(6, random, 0.5);
      const least = bruteForceCost(allSchedules(6, 3), (calls) => stepPlanError(errors, calls));
      if (least < Infinity) {
        expect(planSteps(errors, { steps: 3 }).error).toBeCloseTo(least, 10);
        continue;
      }
      refused++;
      expect(() => planSteps(errors, { steps: 3 })).toThrow(
        expect.objectContaining({ code: 'infeasible-schedule' }),
      );
    }
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(30);
  });

  it('takes all points where it may, and the first alone where it must', () => {
    const errors = randomErrors(4, random);
    expect(planSteps(errors, { steps: 4 }).calls).toEqual([0, 1, 2, 3]);
    expect(planSteps(errors, { steps: 1 })).toEqual({ calls: [0], error: errors.error[4] });
  });

  it.each([
    ['steps of 0', { points: 3, error: new Float64Array(12) }, 0],
    ['more steps than points', { points: 3, error: new Float64Array(12) }, 4],
    ['a table of another size', { points: 3, error: new Float64Array(9) }, 2],
    ['NaN', { points: 2, error: Float64Array.of(0, 1, Number.NaN, 0, 0, 1) }, 1],
    ['a negative error', { points: 2, error: Float64Array.of(0, -1, 1, 0, 0, 1) }, 1],
  ])('refuses %s', (_, errors, steps) => {
    expect(() => planSteps(errors, { steps })).toThrow(CacheQuantError);
  });

  it('reads nothing of a table where no step can go', () => {
    const error = Float64Array.of(Number.NaN, 1, 2, Number.NaN, Number.NaN, 1);
    expect(planSteps({ points: 2, error }, { steps: 2 })).toEqual({ calls: [0, 1], error: 2 });
  });

  it('can be stopped while it plans', async () => {
    const errors = randomErrors(600, random);
    const stopped = stoppedAfter(1);
    await expect(
      finishUnlessAborted(planStepsInPieces(errors, { steps: 200 }), stopped),
    ).rejects.toMatchObject({ code: 'aborted' });
  });
});
