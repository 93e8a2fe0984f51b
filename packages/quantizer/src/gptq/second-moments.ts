import { CacheQuantError } from '@cachequant/tensor';

/** A run of a layer's inputs whose second moments with one another are known. */
export interface InputBlock {
  readonly start: number;
  readonly size: number;
}

/** Second moments of a layer's inputs, H = Σ x xᵀ over rows x, between inputs of the same block. */
export interface SecondMoments {
  readonly blocks: readonly InputBlock[];
  /** By block, [size, size] row-major, symmetric. */
  readonly sums: readonly Float32Array[];
}

/**
 * Divides a layer's inputs into as few blocks of nearly equal size as the largest size allows.
 * @param unit inputs that stay together: kh·kw of a convolution
 */
export function inputBlocks(width: number, largest: number, unit = 1): InputBlock[] {
  const units = Math.ceil(width / unit);
  const perBlock = Math.max(1, Math.floor(largest / unit));
  const count = Math.ceil(units / perBlock);
  const bounds = Array.from({ length: count + 1 }, (_, i) =>
    Math.min(width, Math.round((i * units) / count) * unit),
  );
  return bounds.slice(1).map((end, i) => ({ start: bounds[i]!, size: end - bounds[i]! }));
}

/** Bytes that the second moments of these blocks take. */
export function secondMomentBytes(blocks: readonly InputBlock[]): number {
  return blocks.reduce((sum, { size }) => sum + 4 * size * size, 0);
}

/** Second moments of nothing: zeros in the size of each block. */
export function emptySecondMoments(blocks: readonly InputBlock[]): SecondMoments {
  return { blocks, sums: blocks.map(({ size }) => new Float32Array(size * size)) };
}

/**
 * Adds the products of one batch of rows to a block.
 * @param products [size, size]: Σ x xᵀ of the rows
 * @throws CacheQuantError `shape` for products of another size
 */
export function addProducts({ sums }: SecondMoments, block: number, products: Float32Array): void {
  const sum = sums[block];
  if (sum?.length !== products.length) {
    throw new CacheQuantError('shape', 'products of inputs do not fit their block', {
      where: `block ${block}`,
      expected: `${sum?.length ?? 'no such block'}`,
      got: `${products.length}`,
    });
  }
  for (let i = 0; i < sum.length; i++) sum[i]! += products[i]!;
}

/** The sum of two halves of the rows. */
export function mergeSecondMoments(a: SecondMoments, b: SecondMoments): SecondMoments {
  const merged = { blocks: a.blocks, sums: a.sums.map((sum) => sum.slice()) };
  for (const [block, sum] of b.sums.entries()) addProducts(merged, block, sum);
  return merged;
}

/** H x, between inputs of the same block: [inputs]. */
export function timesMoments({ blocks, sums }: SecondMoments, x: ArrayLike<number>): Float64Array {
  const result = new Float64Array(x.length);
  for (const [b, { start, size }] of blocks.entries()) {
    const sum = sums[b]!;
    const part = Float64Array.from({ length: size }, (_, k) => x[start + k]!);
    for (let i = 0; i < size; i++) result[start + i] = dot(sum, i * size, part);
  }
  return result;
}

/** Four sums, because one alone would wait for each of its additions. */
function dot(matrix: Float32Array, row: number, x: Float64Array): number {
  const whole = x.length - (x.length % 4);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let j = 0; j < whole; j += 4) {
    s0 += matrix[row + j]! * x[j]!;
    s1 += matrix[row + j + 1]! * x[j + 1]!;
    s2 += matrix[row + j + 2]! * x[j + 2]!;
    s3 += matrix[row + j + 3]! * x[j + 3]!;
  }
  for (let j = whole; j < x.length; j++) s0 += matrix[row + j]! * x[j]!;
  return s0 + s1 + s2 + s3;
}
