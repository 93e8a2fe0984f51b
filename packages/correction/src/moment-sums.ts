import { CacheQuantError } from '@cachequant/tensor';

/** The sizes of the tables of moments. */
export interface MomentShape {
  /** Network calls of one trajectory. */
  readonly calls: number;
  readonly channels: number;
  /** Pairs of calls less than `window` apart are kept. */
  readonly window: number;
  /** Whether the anchors come from another stream than the targets (the quantized network, say). */
  readonly separateAnchors: boolean;
}

/**
 * Plain sums over all samples (trajectories, images, positions), float64, row-major. Written with x_t for the
 * target of call t and q_s for the anchor of call s; without separate anchors q = x.
 */
export interface MomentSums {
  /** Σ x_t, [calls, channels] */
  readonly targetSum: Float64Array;
  /** Σ x_t², [calls, channels] */
  readonly targetSquare: Float64Array;
  /** Σ x_t · q_{t−k}, [calls, window (k), channels] */
  readonly cross: Float64Array;
  /** Σ q_s, [calls, channels]; the same array as `targetSum` without separate anchors */
  readonly anchorSum: Float64Array;
  /** Σ q_s · q_{s−k}, [calls, window (k), channels]; the same array as `cross` without separate anchors */
  readonly anchorCross: Float64Array;
  /** Σ |x_t − q_{t−k}| over everything, channels too, [calls, window (k)] */
  readonly distance: Float64Array;
}

/** What has to be written down of the sums: the anchors' arrays only when they are separate. */
export type StoredSums = Omit<MomentSums, 'anchorSum' | 'anchorCross'> &
  Partial<Pick<MomentSums, 'anchorSum' | 'anchorCross'>>;

export function emptySums({ calls, channels, window, separateAnchors }: MomentShape): MomentSums {
  const targetSum = new Float64Array(calls * channels);
  const cross = new Float64Array(calls * window * channels);
  return {
    targetSum,
    targetSquare: new Float64Array(calls * channels),
    cross,
    anchorSum: separateAnchors ? new Float64Array(calls * channels) : targetSum,
    anchorCross: separateAnchors ? new Float64Array(calls * window * channels) : cross,
    distance: new Float64Array(calls * window),
  };
}

/** Adds `from` to `into`, each array once. */
export function addSums(into: MomentSums, from: MomentSums): void {
  for (const name of storedNames(into)) {
    const target = into[name];
    const source = from[name];
    for (let at = 0; at < target.length; at++) target[at]! += source[at]!;
  }
}

export function clearSums(sums: MomentSums): void {
  for (const name of storedNames(sums)) sums[name].fill(0);
}

/** The arrays that hold all there is. */
export function storedSums(sums: MomentSums): StoredSums {
  const { anchorSum, anchorCross, ...shared } = sums;
  return anchorSum === sums.targetSum ? shared : { ...shared, anchorSum, anchorCross };
}

/** Copies `from` into `into` after checking that every array is there and has the right length. */
export function copySums(into: MomentSums, from: StoredSums): void {
  for (const name of storedNames(into)) {
    const source = from[name];
    if (source?.length !== into[name].length) {
      throw new CacheQuantError('shape', 'an array is missing or has the wrong length', {
        where: `moments snapshot, ${name}`,
        expected: `${into[name].length} values`,
        got: String(source?.length ?? 'none'),
        hint: 'The snapshot does not belong to these calls, channels and window; collect the moments again',
      });
    }
    into[name].set(source);
  }
}

function storedNames(sums: MomentSums): (keyof MomentSums)[] {
  const names: (keyof MomentSums)[] = ['targetSum', 'targetSquare', 'cross', 'distance'];
  return sums.anchorSum === sums.targetSum ? names : [...names, 'anchorSum', 'anchorCross'];
}
