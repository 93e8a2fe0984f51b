import { meanOf } from '@cachequant/evaluate';
import type { Verification } from '@cachequant/pipeline';
import type { Recipe } from '../recipe.js';

/**
 * Decibels below which pictures are called bad where nobody says otherwise. Of 256 held-out seeds on models/fashion-sd,
 * every way with 30 dB or more kept the colour that was asked for in 98 % of the pictures; at 26.6 to 29.2 dB, 4 to 11 %
 * lost it (apps/benchmarks/results/ablation.md).
 */
export const QUALITY_FLOOR = 30;

/** Calibration images that are so much better than held-out ones are not like them. */
const UNLIKE = 3;

/** What the user should know of a finished bundle before using it; nothing where all is well. */
export function verificationWarnings(
  { psnr, busy, speedupInterval }: Pick<Verification, 'psnr' | 'busy' | 'speedupInterval'>,
  recipe: Pick<Recipe, 'minPsnr' | 'interval' | 'bits'>,
  calibrationPsnr: readonly number[],
): string[] {
  const warnings: string[] = [];
  const floor = recipe.minPsnr ?? QUALITY_FLOOR;
  if (psnr < floor) {
    warnings.push(
      `The pictures are bad: ${psnr.toFixed(1)} dB against the original's, below the floor of ${floor} dB. ${levers(psnr, recipe, calibrationPsnr)}`,
    );
  }
  if (busy) {
    const range = speedupInterval
      ? ` (95 %: ${speedupInterval.map((value) => value.toFixed(2)).join(' to ')} times)`
      : '';
    warnings.push(
      `The machine was busy while speed was measured: the same work took different times${range}. Run the optimization again on an idle machine for numbers to rely on.`,
    );
  }
  return warnings;
}

/** What to change, the most promising first. */
function levers(
  psnr: number,
  { interval, bits }: Pick<Recipe, 'interval' | 'bits'>,
  calibrationPsnr: readonly number[],
): string {
  const calibrated = meanOf(calibrationPsnr.map((value) => Math.min(value, 100)));
  const said: string[] = [];
  if (calibrated - psnr > UNLIKE) {
    said.push(
      `calibrate with prompts like those it will be given, and more of them (--prompts, --calibration-images): the calibration images have ${calibrated.toFixed(1)} dB`,
    );
  }
  if (interval > 1)
    said.push(`refresh the cache more often (--interval ${Math.max(1, Math.floor(interval / 2))})`);
  if (bits === 'w4a8') said.push('take 8-bit weights (--bits w8a8)');
  else if (bits !== 'none') said.push('compute in float (--bits none)');
  return said.length === 0
    ? 'Without cache and integers only sampler and steps are left to change.'
    : `To do, the most promising first: ${said.join('; ')}.`;
}
