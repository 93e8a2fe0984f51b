import { describe, expect, it } from 'vitest';
import { betaQuantile } from './beta-quantile.js';

describe('betaQuantile(probability)', () => {
  // scipy.stats.beta.ppf(p, 0.6, 0.6) of SciPy 1.17.1.
  it.each([
    [0, 0],
    [0.01, 0.0008612388215429059],
    [0.1, 0.03958440558878085],
    [0.3, 0.23401700387523572],
    [0.5, 0.5],
    [0.8, 0.8770782495416671],
    [1, 1],
  ])('of %s is %s, as in SciPy', (probability, expected) => {
    expect(betaQuantile(probability)).toBeCloseTo(expected, 13);
  });
});
