import { CacheQuantError } from './errors.js';
import { MersenneTwister } from './mersenne-twister.js';

/** Elements from which on torch fills a whole array by its vectorized path. */
const BLOCK = 16;
const HALF_BLOCK = BLOCK / 2;

const FLOAT32_TWO_PI = Math.fround(2 * Math.PI);

const UNIT_24_BITS = 2 ** -24;
const UNIT_53_BITS = 2 ** -53;

/**
 * The random numbers of `torch.Generator().manual_seed(seed)` on the CPU, in the same order.
 *
 * The same calls give the same numbers, so results can be compared with PyTorch: uniform numbers bit for bit,
 * normal ones to the last place or two of a float32 (torch takes its logarithm and cosine in single precision).
 * Like torch, `randn` below 16 elements draws differently than from 16 on, so `randn(8)` is not the beginning
 * of `randn(16)`.
 *
 * Source: PyTorch 2, `at::normal_fill` and `at::normal_distribution<double>`; Box and Muller, A Note on the
 * Generation of Random Normal Deviates, 1958, https://doi.org/10.1214/aoms/1177706645.
 * @example new TorchGenerator(7).randn(4 * 64 * 64) // torch.randn(1, 4, 64, 64, generator=…)
 */
export class TorchGenerator {
  private readonly engine: MersenneTwister;
  private cachedNormal: number | undefined;

  /**
   * @param seed an integer; only its low 32 bits matter, as in torch
   * @throws CacheQuantError `invalid-argument` when it is not an integer, or a number too large to be exact
   */
  constructor(seed: number | bigint) {
    if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed)) {
      throw new CacheQuantError('invalid-argument', 'the seed is not an exact integer', {
        where: 'TorchGenerator',
        expected: 'an integer within ±(2^53 − 1), or a bigint',
        got: String(seed),
      });
    }
    this.engine = new MersenneTwister(Number(BigInt.asUintN(32, BigInt(seed))));
  }

  /**
   * `torch.rand(count)` in float32: uniform in [0, 1).
   * @throws CacheQuantError `invalid-argument` when the count is not a whole number
   */
  rand(count: number): Float32Array {
    const values = new Float32Array(checkCount('rand', count));
    this.fillUniform(values, 0);
    return values;
  }

  /**
   * `torch.randn(count)` in float32: standard normal.
   * @throws CacheQuantError `invalid-argument` when the count is not a whole number
   */
  randn(count: number): Float32Array {
    const values = new Float32Array(checkCount('randn', count));
    return count < BLOCK ? values.map(() => this.scalarNormal()) : this.fillNormal(values);
  }

  private fillNormal(values: Float32Array): Float32Array {
    this.fillUniform(values, 0);
    const wholeBlocks = values.length - (values.length % BLOCK);
    for (let start = 0; start < wholeBlocks; start += BLOCK) boxMullerBlock(values, start);
    if (wholeBlocks !== values.length) {
      // The rest has no block of its own: the last 16 are drawn again, over numbers that are already done.
      const start = values.length - BLOCK;
      this.fillUniform(values, start);
      boxMullerBlock(values, start);
    }
    return values;
  }

  private fillUniform(values: Float32Array, start: number): void {
    for (let i = start; i < values.length; i++) {
      values[i] = (this.engine.nextUint32() & 0xffffff) * UNIT_24_BITS;
    }
  }

  /** Every other call returns the second number of the pair that the call before made. */
  private scalarNormal(): number {
    if (this.cachedNormal !== undefined) {
      const cached = this.cachedNormal;
      this.cachedNormal = undefined;
      return cached;
    }
    const angle = 2 * Math.PI * this.uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniformDouble()));
    this.cachedNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  private uniformDouble(): number {
    const high = this.engine.nextUint32() & 0x1fffff;
    const low = this.engine.nextUint32();
    return (high * 2 ** 32 + low) * UNIT_53_BITS;
  }
}

/**
 * Turns 16 uniform numbers into normal ones: the first half gives radii, the second half angles. Every
 * intermediate is rounded to float32 as in torch; with an exact 2π, sums over many elements would drift apart.
 */
function boxMullerBlock(values: Float32Array, start: number): void {
  for (let i = start; i < start + HALF_BLOCK; i++) {
    const radius = Math.fround(Math.sqrt(-2 * Math.fround(Math.log(1 - values[i]!))));
    const angle = Math.fround(FLOAT32_TWO_PI * values[i + HALF_BLOCK]!);
    values[i] = radius * Math.fround(Math.cos(angle));
    values[i + HALF_BLOCK] = radius * Math.fround(Math.sin(angle));
  }
}

function checkCount(where: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new CacheQuantError('invalid-argument', 'the number of elements is not a whole number', {
    where: `TorchGenerator.${where}`,
    expected: 'an integer of at least 0',
    got: String(count),
  });
}
