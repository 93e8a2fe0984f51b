import { CacheQuantError, finish, type InPieces, requireInteger } from '@cachequant/tensor';
import { requireModestTable } from './arguments.js';

/**
 * Distances between the cached features of the calls of one trajectory, for pairs less than `window` calls
 * apart.
 *
 * `distance` is [calls, window], row-major: `distance[i * window + k]` is the distance between call `i` and
 * call `i - k`, so every row starts with 0. Entries with `k > i` have no meaning and are 0. A row can be
 * filled as soon as call `i` has run, with the features of the last `window` calls in memory.
 */
export interface DistanceTable {
  readonly calls: number;
  /** The longest group of calls that can be planned from this table; between 1 and `calls`. */
  readonly window: number;
  readonly distance: Float64Array;
}

/**
 * L1 distances between the feature vectors of successive calls.
 *
 * Sums over all elements, without mean or normalisation: ‖X_i − X_j‖₁ as in CacheQuant eq. 4
 * (https://arxiv.org/abs/2503.01323). Complexity: O(calls · window · length).
 * @param features one vector per call, all of the same length; flatten batch, channels and positions
 * @param options.window pairs further apart are left out; all pairs by default
 * @throws CacheQuantError `shape` when lengths differ, `invalid-argument` when a value is not finite, or for more than
 * 50,000,000 distances (400 MB)
 */
export function featureDistances(
  features: readonly ArrayLike<number>[],
  options: { window?: number } = {},
): DistanceTable {
  return finish(featureDistancesInPieces(features, options));
}

/** `featureDistances` of many calls, or of long vectors, which take seconds: in pieces of some milliseconds. */
export function* featureDistancesInPieces(
  features: readonly ArrayLike<number>[],
  options: { window?: number } = {},
): InPieces<DistanceTable> {
  const calls = features.length;
  requireInteger('features.length', calls, 1);
  const window = options.window ?? calls;
  requireInteger('window', window, 1, calls);
  requireModestTable('calls × window', calls, window, 'Give a window, such as twice the interval');
  requireEqualLengths(features);

  const distance = new Float64Array(calls * window);
  const length = features[0]!.length;
  let subtracted = 0;
  for (let i = 1; i < calls; i++) {
    for (let k = 1; k < window && k <= i; k++) {
      subtracted += length;
      if (subtracted > DIFFERENCES_A_PIECE) {
        subtracted = 0;
        yield;
      }
      distance[i * window + k] = l1Distance(features[i]!, features[i - k]!);
    }
  }
  return checkedDistances({ calls, window, distance });
}

/** Some milliseconds. */
const DIFFERENCES_A_PIECE = 1_000_000;

/**
 * Multiplies the distances of every call by a weight of that call, for instance by how far an error of the
 * network at that call moves the final picture.
 *
 * @param weights one finite number ≥ 0 per call
 */
export function weightDistances(distances: DistanceTable, weights: ArrayLike<number>): DistanceTable {
  const { calls, window } = checkedDistances(distances);
  if (weights.length !== calls) {
    throw new CacheQuantError('shape', 'the array has the wrong length', {
      where: 'weights',
      expected: `${calls} weights, one per call`,
      got: String(weights.length),
    });
  }
  const distance = distances.distance.map((value, at) => value * weights[Math.floor(at / window)]!);
  return checkedDistances({ calls, window, distance });
}

/** Returns the table when its sizes agree and every distance is finite and not negative. */
export function checkedDistances(table: DistanceTable): DistanceTable {
  const { calls, window, distance } = table;
  requireInteger('distances.calls', calls, 1);
  requireInteger('distances.window', window, 1, calls);
  if (distance.length !== calls * window) {
    throw new CacheQuantError('shape', 'the array has the wrong length', {
      where: 'distances.distance',
      expected: `calls × window = ${calls * window} values`,
      got: String(distance.length),
    });
  }
  const bad = distance.findIndex((value) => !(value >= 0 && value < Infinity));
  if (bad >= 0) {
    const call = Math.floor(bad / window);
    throw new CacheQuantError('invalid-argument', 'a distance is not a finite number ≥ 0', {
      where: `distances, call ${call} to call ${call - (bad % window)}`,
      got: String(distance[bad]),
      hint: 'Look for NaN or infinite values in the features of these calls',
    });
  }
  return table;
}

function l1Distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += Math.abs(a[at]! - b[at]!);
  return sum;
}

function requireEqualLengths(features: readonly ArrayLike<number>[]): void {
  const length = features[0]!.length;
  const odd = features.findIndex((row) => row.length !== length);
  if (odd < 0) return;
  throw new CacheQuantError('shape', 'the features of a call differ in length from those of call 0', {
    where: `features[${odd}]`,
    expected: `${length} values`,
    got: String(features[odd]!.length),
  });
}
