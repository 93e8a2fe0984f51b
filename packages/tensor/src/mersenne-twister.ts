const STATE_SIZE = 624;
const SHIFT_SIZE = 397;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;
const TWIST = 0x9908b0df;

/**
 * MT19937, the generator behind `torch.Generator` on the CPU: uniform 32-bit integers, period 2^19937 − 1.
 * Source: Matsumoto and Nishimura, Mersenne Twister, 1998, https://doi.org/10.1145/272991.272995.
 */
export class MersenneTwister {
  private readonly state = new Uint32Array(STATE_SIZE);
  private position = STATE_SIZE;

  /** @param seed an unsigned 32-bit integer */
  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < STATE_SIZE; i++) {
      const previous = this.state[i - 1]!;
      this.state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next integer in [0, 2^32). */
  nextUint32(): number {
    if (this.position === STATE_SIZE) this.regenerate();
    let y = this.state[this.position++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private regenerate(): void {
    const { state } = this;
    for (let i = 0; i < STATE_SIZE; i++) {
      const next = state[(i + 1) % STATE_SIZE]!;
      const mixed = (state[i]! & UPPER_BIT) | (next & LOWER_BITS);
      state[i] = state[(i + SHIFT_SIZE) % STATE_SIZE]! ^ (mixed >>> 1) ^ (next & 1 ? TWIST : 0);
    }
    this.position = 0;
  }
}
