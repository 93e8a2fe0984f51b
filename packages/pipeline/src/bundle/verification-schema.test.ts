import { describe, expect, it } from 'vitest';
import { parseVerification } from './verification-schema.js';

const times = { calls: [{ kind: 'full', ms: 3 }], decoderMs: 1 };
const verification = {
  images: 4,
  psnr: null,
  psnrInterval: [30, null],
  ssim: 0.99,
  secondsPerImage: { original: 2, optimized: 1 },
  speedup: 2,
  times: { original: times, optimized: times },
  cacheHits: { full: 3, cached: 7 },
  errorPerCall: { corrected: [0.1], uncorrected: [0.2] },
  coverage: { plannedShare: 0.9, missed: [], operators: [{ opType: 'MatMul', ms: 1, count: 2 }] },
};

describe('parseVerification(text, where)', () => {
  it('reads what optimize writes, and keeps what it does not know', () => {
    const text = JSON.stringify({ ...verification, later: 1 });
    expect(parseVerification(text, 'f')).toEqual({ ...verification, later: 1 });
  });

  it.each([
    ['{"images":', 'f: the file is not JSON'],
    ['null', 'expected object'],
    ['{}', 'images'],
    [JSON.stringify({ ...verification, psnr: '39 dB' }), 'psnr: '],
    [JSON.stringify({ ...verification, coverage: null }), 'coverage: '],
    [JSON.stringify({ ...verification, times: { original: times } }), 'times.optimized: '],
    ['['.repeat(200_000), 'nested too deep'],
  ])('refuses %j', (text, got) => {
    expect(() => parseVerification(text, 'f')).toThrow(
      expect.objectContaining({ code: 'bundle', where: 'f', got: expect.stringContaining(got) }),
    );
  });
});
