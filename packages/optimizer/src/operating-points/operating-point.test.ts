import { describe, expect, it } from 'vitest';
import { choosePoint, paretoPoints } from './operating-point.js';

const point = (milliseconds: number, psnr: number) => ({ milliseconds, psnr });
const FRONT = [point(100, 25), point(200, 32), point(300, 38)];
const POINTS = [FRONT[2]!, point(250, 31), FRONT[0]!, point(200, 30), FRONT[1]!];

describe('paretoPoints', () => {
  it('leaves out what another point beats, and begins with the fastest', () => {
    expect(paretoPoints(POINTS)).toEqual(FRONT);
    expect(paretoPoints([point(1, 1), point(1, 1)])).toHaveLength(2);
    expect(paretoPoints([])).toEqual([]);
  });
});

describe('choosePoint', () => {
  it.each([
    [{ maxLatency: 250 }, FRONT[1]],
    [{ maxLatency: 100 }, FRONT[0]],
    [{ maxLatency: 99 }, undefined],
    [{ minPsnr: 30 }, FRONT[1]],
    [{ minPsnr: 10 }, FRONT[0]],
    [{ minPsnr: 40 }, undefined],
    [{ maxLatency: 400, minPsnr: 33 }, FRONT[2]],
    [{ maxLatency: 250, minPsnr: 33 }, undefined],
  ])('with %j takes what keeps to it and is best in the other', (target, expected) => {
    expect(choosePoint(POINTS, target)).toEqual(expected);
  });
});
