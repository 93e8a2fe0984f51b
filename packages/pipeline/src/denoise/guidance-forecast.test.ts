import { describe, expect, it } from 'vitest';
import { GuidanceForecast } from './guidance-forecast.js';

const of = (...values: number[]) => Float32Array.of(...values);

describe('GuidanceForecast.at(call)', () => {
  it('knows nothing before a call with both halves, and reuses the difference of a single one', () => {
    const forecast = new GuidanceForecast();
    expect(forecast.at(0)).toBeUndefined();
    forecast.observe(0, of(1, 2), of(4, 1));
    expect(forecast.at(3)).toEqual(of(3, -1));
  });

  it('follows half of the line through the last two differences, whatever lies between the calls', () => {
    const forecast = new GuidanceForecast();
    forecast.observe(0, of(0), of(100));
    forecast.observe(2, of(0), of(4));
    forecast.observe(6, of(1), of(9));
    expect(forecast.at(6)).toEqual(of(8));
    expect(forecast.at(8)).toEqual(of(8 + 0.5 * (2 / 4) * 4));
  });

  it('adds what was fitted of the last change, and half of the line where nothing was', () => {
    const forecast = new GuidanceForecast((call) => (call === 3 ? 2 : undefined));
    forecast.observe(0, of(0), of(1));
    expect([forecast.reachAt(3), forecast.lastChange()]).toEqual([0, undefined]);
    forecast.observe(2, of(0), of(5));
    expect(forecast.lastChange()).toEqual(of(4));
    expect([forecast.reachAt(3), forecast.reachAt(4)]).toEqual([2, 0.5]);
    expect(forecast.at(3)).toEqual(of(5 + 2 * 4));
    expect(forecast.at(4)).toEqual(of(5 + 0.5 * 4));
  });
});
