/** The factors of scale · up · down. Shapes: up [rows, rank], down [rank, columns], row by row. */
export interface Factors {
  readonly up: Float32Array;
  readonly down: Float32Array;
  readonly rank: number;
  readonly scale: number;
  /** DoRA: the length that each row of the sum is given. Shape: [rows]. */
  readonly magnitude: Float32Array | undefined;
}

/**
 * Adds scale · up · down to some elements of a matrix, in double precision.
 * Complexity: O(elements · rank).
 *
 * @param values elements from `start` on, counted row by row; changed in place
 */
export function addProduct(values: Float32Array, start: number, columns: number, factors: Factors): void {
  const end = start + values.length;
  let sums = new Float64Array(Math.min(columns, values.length));
  for (let position = start; position < end; ) {
    const row = Math.floor(position / columns);
    const column = position - row * columns;
    const count = Math.min(columns - column, end - position);
    if (sums.length < count) sums = new Float64Array(count);
    multiplyRow(sums.subarray(0, count), row, column, columns, factors);
    const offset = position - start;
    for (let i = 0; i < count; i++) values[offset + i] = values[offset + i]! + sums[i]!;
    position += count;
  }
}

/** sums = scale · up[row] · down[:, column …], four ranks at a time so that the sums are touched less often. */
function multiplyRow(
  sums: Float64Array,
  row: number,
  column: number,
  columns: number,
  { up, down, rank, scale }: Factors,
): void {
  sums.fill(0);
  const count = sums.length;
  let k = 0;
  for (; k + 4 <= rank; k += 4) {
    const base = row * rank + k;
    const a = scale * up[base]!;
    const b = scale * up[base + 1]!;
    const c = scale * up[base + 2]!;
    const d = scale * up[base + 3]!;
    const first = k * columns + column;
    const second = first + columns;
    const third = second + columns;
    const fourth = third + columns;
    for (let i = 0; i < count; i++) {
      sums[i] =
        sums[i]! +
        a * down[first + i]! +
        b * down[second + i]! +
        c * down[third + i]! +
        d * down[fourth + i]!;
    }
  }
  for (; k < rank; k++) {
    const a = scale * up[row * rank + k]!;
    const first = k * columns + column;
    for (let i = 0; i < count; i++) sums[i] = sums[i]! + a * down[first + i]!;
  }
}

/**
 * Gives each row of a matrix another length, in double precision.
 *
 * Source: Liu et al., DoRA, 2024, https://arxiv.org/abs/2402.09353, equation 5. Complexity: O(elements).
 *
 * @param values whole rows, from `firstRow` on; changed in place. A row of zeros stays one.
 */
export function setRowLengths(
  values: Float32Array,
  firstRow: number,
  columns: number,
  magnitude: Float32Array,
): void {
  for (let start = 0; start < values.length; start += columns) {
    const row = values.subarray(start, start + columns);
    let squares = 0;
    for (let i = 0; i < columns; i++) squares += row[i]! ** 2;
    if (squares === 0) continue;
    const factor = magnitude[firstRow + start / columns]! / Math.sqrt(squares);
    for (let i = 0; i < columns; i++) row[i] = row[i]! * factor;
  }
}

/**
 * What a convolution with a core (Tucker's decomposition in LyCORIS) has in place of its down part:
 * result[p, i, k] = Σ_j core[p, j, k] · down[j, i].
 *
 * Shapes: core [outer, inner, kernel], down [inner, channels]; the result [outer, channels · kernel].
 */
export function coreTimesDown(
  core: Float32Array,
  down: Float32Array,
  { outer, inner, kernel }: { outer: number; inner: number; kernel: number },
): Float32Array {
  const channels = down.length / inner;
  const result = new Float32Array(outer * channels * kernel);
  for (let p = 0; p < outer; p++) {
    for (let i = 0; i < channels; i++) {
      for (let k = 0; k < kernel; k++) {
        let sum = 0;
        for (let j = 0; j < inner; j++) sum += core[(p * inner + j) * kernel + k]! * down[j * channels + i]!;
        result[(p * channels + i) * kernel + k] = sum;
      }
    }
  }
  return result;
}
