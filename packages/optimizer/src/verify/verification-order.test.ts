import { describe, expect, it } from 'vitest';
import { verificationOrder } from './verification-order.js';

const names = (images: number, apart: boolean) =>
  verificationOrder(images, ['original', 'optimized', 'plain'], apart).map(
    ({ contestant, image }) => `${contestant[1]}${image}`,
  );

describe('verificationOrder', () => {
  it('makes each image by all denoisers in turn, every second one in reverse', () => {
    expect(names(3, false)).toEqual(['r0', 'p0', 'l0', 'l1', 'p1', 'r1', 'r2', 'p2', 'l2']);
  });

  it('puts the original at both ends where denoisers must not be in memory together', () => {
    expect(names(3, true)).toEqual(['r0', 'r1', 'p0', 'p1', 'p2', 'l0', 'l1', 'l2', 'r2']);
  });

  it.each([true, false])('makes every image by every denoiser once (apart: %s)', (apart) => {
    const all = names(5, apart);
    expect(new Set(all).size).toBe(15);
    expect(all).toHaveLength(15);
  });
});
