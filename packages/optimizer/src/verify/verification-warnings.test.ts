import { describe, expect, it } from 'vitest';
import { QUALITY_FLOOR, verificationWarnings } from './verification-warnings.js';

const RECIPE = { interval: 5, bits: 'w8a8', minPsnr: undefined } as const;
const good = { psnr: QUALITY_FLOOR + 1, busy: false, speedupInterval: [3, 4] as const };

describe('verificationWarnings(verification, recipe, calibrationPsnr)', () => {
  it('says nothing of a good bundle, timed on an idle machine', () => {
    expect(verificationWarnings(good, RECIPE, [32])).toEqual([]);
  });

  it('says that pictures are bad below the floor, and which lever to pull', () => {
    const [warning] = verificationWarnings({ ...good, psnr: 18.8 }, RECIPE, [19, 19]);
    expect(warning).toBe(
      "The pictures are bad: 18.8 dB against the original's, below the floor of 30 dB. To do, the most promising first: refresh the cache more often (--interval 2); compute in float (--bits none).",
    );
  });

  it('takes minPsnr for the floor', () => {
    expect(verificationWarnings({ ...good, psnr: 34 }, { ...RECIPE, minPsnr: 35 }, [35])[0]).toContain(
      'of 35 dB',
    );
    expect(verificationWarnings({ ...good, psnr: 20 }, { ...RECIPE, minPsnr: 15 }, [20])).toEqual([]);
  });

  it('names the calibration first where its images are much better than held-out ones', () => {
    const [warning] = verificationWarnings({ ...good, psnr: 20 }, { ...RECIPE, bits: 'w4a8' }, [31, 33]);
    expect(warning).toMatch(/first: calibrate with prompts.*32\.0 dB; refresh.*; take 8-bit weights/);
  });

  it('names neither cache nor integers where there are none', () => {
    const recipe = { ...RECIPE, interval: 1, bits: 'none' } as const;
    expect(verificationWarnings({ ...good, psnr: 20 }, recipe, [20])[0]).toContain('only sampler and steps');
  });

  it('says that the machine was busy, with the interval', () => {
    expect(verificationWarnings({ ...good, busy: true }, RECIPE, [32])).toEqual([
      expect.stringContaining(
        'was busy while speed was measured: the same work took different times (95 %: 3.00 to 4.00 times)',
      ),
    ]);
    expect(
      verificationWarnings({ ...good, busy: true, speedupInterval: null }, RECIPE, [32])[0],
    ).not.toContain('95 %');
  });
});
