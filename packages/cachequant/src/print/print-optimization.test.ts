import { describe, expect, test } from 'vitest';
import { type Optimized, optimizedLines } from './print-optimization.js';

/** What is said of a bundle with the refreshes among its calls. */
function linesOf(calls: number, refreshCalls: readonly number[]): string[] {
  return optimizedLines({
    bundle: '/bundle',
    report: '/bundle/report.html',
    sizes: { sourceDenoiser: 4000, denoiserItems: [], sourceTotal: 5000, bundleTotal: 2000 },
    manifest: { sampler: { calls }, schedule: { kind: 'uniform', refreshCalls }, components: [] },
    verification: {
      images: 4,
      secondsPerImage: { original: 2, optimized: 1 },
      speedup: 2,
      psnr: 36,
      psnrInterval: [35, 37],
      ssim: 0.99,
    },
    warnings: [],
  } as unknown as Optimized);
}

describe('optimizedLines says of the schedule', () => {
  test('how many calls refresh, and which', () => {
    const lines = linesOf(6, [0, 3]);
    expect(lines).toContain('  schedule        uniform: 2 refreshes in 6 calls');
    expect(lines).toContain('                  █··█··');
  });

  test('that there is no cache where every call is computed in full', () => {
    const lines = linesOf(4, [0, 1, 2, 3]);
    expect(lines).toContain('  schedule        no cache: 4 calls, all in full');
    expect(lines.join('\n')).not.toMatch(/refreshes|█/);
  });
});
