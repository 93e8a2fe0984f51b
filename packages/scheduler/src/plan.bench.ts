import { bench, describe } from 'vitest';
import type { DistanceTable } from './distance-table.js';
import { paretoFront } from './pareto-front.js';
import { planForecastRefreshes } from './plan-forecast-refreshes.js';
import { planRefreshes } from './plan-refreshes.js';

function syntheticDistances(calls: number, window: number): DistanceTable {
  const distance = new Float64Array(calls * window);
  for (let i = 0; i < calls; i++) {
    for (let k = 1; k < window && k <= i; k++) distance[i * window + k] = Math.sqrt(k) * (2 + Math.sin(i));
  }
  return { calls, window, distance };
}

describe('planning', () => {
  const thousand = syntheticDistances(1000, 40);
  bench('planRefreshes: 1000 calls, interval 20', () => {
    planRefreshes(thousand, { interval: 20 });
  });

  const quarter = syntheticDistances(250, 250);
  bench('paretoFront: 250 calls, no bounds', () => {
    paretoFront(quarter);
  });

  const residual = (previous: number, current: number, call: number) =>
    (call - current) ** 2 / (current - previous);
  bench('planForecastRefreshes: 51 calls, interval 5', () => {
    planForecastRefreshes({ calls: 51, window: 51, residual }, { interval: 5 });
  });
  bench('planForecastRefreshes: 250 calls, interval 10', () => {
    planForecastRefreshes({ calls: 250, window: 250, residual }, { interval: 10 });
  });
});
