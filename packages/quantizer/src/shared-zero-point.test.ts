import { describe, expect, test } from 'vitest';
import { gridOf } from './activation-range.js';
import type { ActivationGridTable } from './activation-statistics.js';
import { shareZeroPoints } from './shared-zero-point.js';

function tableOf(ranges: readonly (readonly [number, number])[]): ActivationGridTable {
  const grids = ranges.map(([min, max]) => gridOf(min, max));
  return {
    calls: ranges.length,
    sites: ['x', 'other'],
    scales: Float32Array.from(grids.flatMap(({ scale }) => [scale, 7])),
    zeroPoints: Uint8Array.from(grids.flatMap(({ zeroPoint }, call) => [zeroPoint, call])),
  };
}

describe('shareZeroPoints', () => {
  const ranges = [
    [-0.28, 3],
    [-0.28, 6],
    [-0.27, 11],
  ] as const;
  const shared = shareZeroPoints(tableOf(ranges), ['x']);
  const column = (values: ArrayLike<number>, at: number) => ranges.map((_, call) => values[call * 2 + at]!);

  test('gives a site the same zero point at every call', () => {
    expect(new Set(column(shared.zeroPoints, 0)).size).toBe(1);
  });

  test('still holds every call’s range, to half a step of its own grid', () => {
    const zeroPoint = shared.zeroPoints[0]!;
    for (const [call, [min, max]] of ranges.entries()) {
      const scale = shared.scales[call * 2]!;
      const step = gridOf(min, max).scale;
      expect(-zeroPoint * scale).toBeLessThanOrEqual(min + 0.51 * step);
      expect((255 - zeroPoint) * scale).toBeGreaterThanOrEqual(max - 0.51 * step);
    }
  });

  test('makes no scale larger than the ranges of SiLU outputs need', () => {
    for (const [call, [min, max]] of ranges.entries()) {
      expect(shared.scales[call * 2]! / gridOf(min, max).scale).toBeLessThan(1.08);
    }
  });

  test('changes no other site, and not the table given', () => {
    const table = tableOf(ranges);
    const after = shareZeroPoints(table, ['x', 'not there']);
    expect(column(after.scales, 1)).toEqual([7, 7, 7]);
    expect(column(after.zeroPoints, 1)).toEqual([0, 1, 2]);
    expect(table).toEqual(tableOf(ranges));
  });

  test.each([
    ['positive', [0, 5], 0],
    ['negative', [-5, 0], 255],
  ] as const)('keeps all levels on one side for a %s site', (_, range, zeroPoint) => {
    const after = shareZeroPoints(tableOf([range, [2 * range[0], 2 * range[1]]]), ['x']);
    expect(column(after.zeroPoints, 0).slice(0, 2)).toEqual([zeroPoint, zeroPoint]);
    expect(after.scales[0]).toBeCloseTo(5 / 255, 6);
  });

  test('is the best of all zero points', () => {
    const wide = [
      [-3, 1],
      [-1, 4],
      [-0.1, 2],
    ] as const;
    const after = shareZeroPoints(tableOf(wide), ['x']);
    const cost = (zeroPoint: number) =>
      wide.reduce((sum, [min, max]) => {
        const scale = Math.max(-min / zeroPoint, max / (255 - zeroPoint));
        return sum + (scale / ((max - min) / 255)) ** 2;
      }, 0);
    const costs = Array.from({ length: 254 }, (_, i) => cost(i + 1));
    expect(cost(after.zeroPoints[0]!)).toBeLessThan(1.02 * Math.min(...costs));
  });
});
