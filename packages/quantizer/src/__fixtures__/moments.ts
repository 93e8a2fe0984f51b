import { emptySecondMoments, type InputBlock, type SecondMoments } from '../gptq/second-moments.js';
import { normal } from './models.js';

/** Σ x xᵀ of rows [count, width], by its definition. */
export function momentsOf(
  rows: Float32Array,
  width: number,
  blocks: readonly InputBlock[] = [{ start: 0, size: width }],
): SecondMoments {
  const moments = emptySecondMoments(blocks);
  for (let at = 0; at < rows.length; at += width) {
    for (const [b, { start, size }] of blocks.entries()) {
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          moments.sums[b]![i * size + j]! += rows[at + start + i]! * rows[at + start + j]!;
        }
      }
    }
  }
  return moments;
}

/** Rows whose inputs are correlated: each is a mix of `sources` common ones, and some noise of its own. */
export function correlatedRows(
  count: number,
  width: number,
  seed: number,
  { sources = 4, noise = 0.3 } = {},
): Float32Array {
  const mix = normal([width, sources], seed).data;
  const common = normal([count, sources], seed + 1).data;
  const own = normal([count, width], seed + 2).data;
  return Float32Array.from({ length: count * width }, (_, at) => {
    const [row, k] = [Math.floor(at / width), at % width];
    let value = noise * own[at]!;
    for (let s = 0; s < sources; s++) value += mix[k * sources + s]! * common[row * sources + s]!;
    return value;
  });
}

/** Σ over rows x and channels of ((q s − w) · x)². */
export function outputErrorOf(
  rows: Float32Array,
  values: Float32Array,
  integers: Int8Array,
  scales: Float32Array,
): number {
  const width = values.length / scales.length;
  let total = 0;
  for (const [o, scale] of scales.entries()) {
    for (let at = 0; at < rows.length; at += width) {
      let sum = 0;
      for (let k = 0; k < width; k++) {
        const i = o * width + k;
        sum += (integers[i]! * scale - values[i]!) * rows[at + k]!;
      }
      total += sum * sum;
    }
  }
  return total;
}
