/** Norm of the rounding error that the range searches minimise (the reference implementation's exponent). */
export const ERROR_EXPONENT = 2.4;

/** Every fourth of the forty factors 1.00, 0.98, …, 0.22, then the six around the best of them. */
const COARSE_FACTORS = [0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44, 0.36, 0.28];
const FINE_STEPS = [-0.06, -0.04, -0.02, 0.02, 0.04, 0.06];

/**
 * The factor in 0.22…1.00 by which to shrink a range so that rounding costs least: sixteen evaluations
 * instead of the reference implementation's forty, because the cost hardly changes between neighbours.
 *
 * Source: CacheQuant, CVPR 2025, https://arxiv.org/abs/2503.01323, reference implementation
 * (`quant_layer.py`, method "mse"), which tries all forty.
 * @param costOf may stop and return infinity once its sum has passed `giveUpAbove`
 */
export function searchShrinkFactor(costOf: (factor: number, giveUpAbove: number) => number): number {
  let best = 1;
  let bestCost = costOf(1, Number.POSITIVE_INFINITY);
  const consider = (factor: number): void => {
    const cost = costOf(factor, bestCost);
    if (cost < bestCost) {
      bestCost = cost;
      best = factor;
    }
  };
  for (const factor of COARSE_FACTORS) consider(factor);
  const centre = best;
  for (const step of FINE_STEPS) if (centre + step <= 1) consider(centre + step);
  return best;
}

/** Adding and taking it away leaves no bits behind the point of a double below 2^51. */
const ROUNDER = 1.5 * 2 ** 52;

/** Rounds as ONNX's QuantizeLinear does: to the nearest whole number, halves to the even one. */
export function roundHalfEven(value: number): number {
  return value + ROUNDER - ROUNDER;
}

const CELLS_PER_UNIT = 4096;
/** d^2.4 in the middle of each cell of 0…½, where the distances of all values within the range lie. */
const COSTS = Float64Array.from(
  { length: CELLS_PER_UNIT / 2 + 1 },
  (_, cell) => ((cell + 0.5) / CELLS_PER_UNIT) ** ERROR_EXPONENT,
);

/** What it costs to move a value by a distance ≥ 0, in grid steps: d^2.4, looked up where d ≤ ½. */
export function roundingCost(distance: number): number {
  return distance <= 0.5 ? COSTS[(distance * CELLS_PER_UNIT) | 0]! : distance ** ERROR_EXPONENT;
}
