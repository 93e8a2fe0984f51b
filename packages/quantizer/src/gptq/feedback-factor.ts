import { CacheQuantError, type InPieces } from '@cachequant/tensor';

/** How errors of inputs that were rounded already move those that are rounded after them. */
export interface FeedbackFactor {
  /** Inputs of the block in the order in which they are rounded. */
  readonly order: Int32Array;
  /** [size, size], row k: what the error of the j-th rounded input, j < k, takes from the k-th. */
  readonly feedback: Float32Array;
}

/** Smallest pivot, relative to the mean of the diagonal; a singular matrix without damping ends here. */
const SMALLEST_PIVOT = 1e-7;

/**
 * Factors H + damping · mean(diag H) · I = U D Uᵀ with U unit upper triangular in the order of rounding, which is
 * by falling diagonal: inputs that matter most are rounded while the most others can still make up for it.
 *
 * With errors e of a row's weights, e H eᵀ = Σ_k d_k (e_k + Σ_{j<k} e_j U_jk)². Rounding w_k − Σ_{j<k} e_j U_jk
 * therefore leaves in each term nothing but its own rounding.
 *
 * Complexity: size³ / 6 multiply-adds.
 * Source: Frantar et al., GPTQ, https://arxiv.org/abs/2210.17323; in this form (LDL decomposition) Chee et al.,
 * QuIP, https://arxiv.org/abs/2307.13304, theorem 1.
 * @param moments [size, size] symmetric
 * @param damping ≥ 0
 * @throws CacheQuantError `calibration` when the moments are not finite
 */
export function* feedbackFactor(
  moments: Float32Array,
  size: number,
  damping: number,
): InPieces<FeedbackFactor> {
  requireFinite(moments);
  const diagonal = Float64Array.from({ length: size }, (_, k) => moments[k * size + k]!);
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / size;
  const order = Int32Array.from({ length: size }, (_, k) => k);
  order.sort((a, b) => diagonal[b]! - diagonal[a]! || a - b);
  if (!(mean > 0)) return { order, feedback: new Float32Array(size * size) };
  const lower = yield* cholesky(moments, order, damping * mean, SMALLEST_PIVOT * mean);
  return { order, feedback: unitUpper(lower, size) };
}

/** Columns whose sums are made together: one sum alone would wait for each of its additions. */
const TOGETHER = 4;

/** L of M = L Lᵀ, [size, size], where M is the matrix with rows and columns in reverse order of rounding. */
function* cholesky(
  moments: Float32Array,
  order: Int32Array,
  ridge: number,
  smallest: number,
): InPieces<Float64Array> {
  const size = order.length;
  // Rows behind the last are zeros that the last sums may read.
  const lower = new Float64Array((size + TOGETHER) * size);
  const rest = new Float64Array(TOGETHER);
  for (let i = 0; i < size; i++) {
    yield;
    const source = order[size - 1 - i]! * size;
    for (let first = 0; first <= i; first += TOGETHER) {
      const count = Math.min(TOGETHER, i + 1 - first);
      productsBefore(lower, size, i, first, rest);
      for (let c = 0; c < count; c++) {
        const j = first + c;
        let value = moments[source + order[size - 1 - j]!]! - rest[c]!;
        for (let m = first; m < j; m++) value -= lower[i * size + m]! * lower[j * size + m]!;
        if (i === j) lower[i * size + j] = Math.sqrt(Math.max(value + ridge, smallest));
        else lower[i * size + j] = value / lower[j * size + j]!;
      }
    }
  }
  return lower;
}

/** rest[c] = Σ_{m < first} L[i, m] L[first + c, m] */
function productsBefore(
  lower: Float64Array,
  size: number,
  i: number,
  first: number,
  rest: Float64Array,
): void {
  const row = i * size;
  const r0 = first * size;
  const r1 = r0 + size;
  const r2 = r1 + size;
  const r3 = r2 + size;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let m = 0; m < first; m++) {
    const value = lower[row + m]!;
    s0 += value * lower[r0 + m]!;
    s1 += value * lower[r1 + m]!;
    s2 += value * lower[r2 + m]!;
    s3 += value * lower[r3 + m]!;
  }
  rest[0] = s0;
  rest[1] = s1;
  rest[2] = s2;
  rest[3] = s3;
}

function unitUpper(lower: Float64Array, size: number): Float32Array {
  const feedback = new Float32Array(size * size);
  for (let k = 0; k < size; k++) {
    const column = size - 1 - k;
    const pivot = lower[column * size + column]!;
    for (let j = 0; j < k; j++) feedback[k * size + j] = lower[(size - 1 - j) * size + column]! / pivot;
  }
  return feedback;
}

function requireFinite(moments: Float32Array): void {
  if (moments.every(Number.isFinite)) return;
  throw new CacheQuantError('calibration', 'second moments of a layer’s inputs are not finite', {
    where: 'feedbackFactor',
    got: String(moments.find((value) => !Number.isFinite(value))),
    hint: 'The model produced NaN or infinity during calibration.',
  });
}
