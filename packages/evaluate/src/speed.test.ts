import { describe, expect, it } from 'vitest';
import { speedOf } from './speed.js';

describe('speedOf(original, optimized)', () => {
  it('is the quotient of the two medians, exactly', () => {
    const speed = speedOf([4, 8, 6], [2, 1, 3]);
    expect(speed).toMatchObject({ seconds: { original: 6, optimized: 2 }, speedup: 3 });
    // The median of the three quotients would be another number: 2.
    expect(speedOf([2], [4]).speedup).toBe(0.5);
  });

  it('gives an interval that is a point where all images take the same time, and holds the quotient elsewhere', () => {
    expect(speedOf([3, 3, 3], [1, 1, 1]).interval).toEqual([3, 3]);
    const { speedup, interval } = speedOf([3, 3.1, 2.9, 3.2, 3, 3.3], [1, 1.1, 1, 0.9, 1, 1.05]);
    expect(interval![0]).toBeLessThan(speedup);
    expect(interval![1]).toBeGreaterThan(speedup);
    expect(interval![1]).toBeLessThan(3.3 / 0.9);
  });

  it('gives no interval for fewer than three images', () => {
    expect(speedOf([3, 4], [1, 1]).interval).toBeNull();
  });

  it('is hardly moved by an image that something else slowed', () => {
    expect(speedOf([3, 3, 30, 3, 3], [1, 1, 1, 1, 1])).toMatchObject({ speedup: 3, busy: false });
  });

  it('says that the machine was busy where the same work took different times', () => {
    expect(speedOf([3, 5, 9, 4, 3], [1, 1, 1, 1, 1]).busy).toBe(true);
    expect(speedOf([3, 3, 3, 3, 3], [1, 2, 1, 2, 1]).busy).toBe(true);
    expect(speedOf([3, 3.1, 3.2, 3, 3.1], [1, 1, 1.05, 1, 1]).busy).toBe(false);
  });
});
