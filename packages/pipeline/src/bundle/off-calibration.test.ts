import { describe, expect, it } from 'vitest';
import {
  type CalibratedFor,
  type OffCalibration,
  offCalibrationWarnings,
  wordsOf,
} from './off-calibration.js';

const measured = (
  kind: OffCalibration['kind'],
  value: OffCalibration['value'],
  psnr: number,
): OffCalibration => ({
  kind,
  value,
  images: 4,
  psnr,
  psnrInterval: [psnr - 1, psnr + 1],
  psnrCalibrated: 36,
});

const BUNDLE: CalibratedFor = {
  guidanceScale: 4,
  calibration: { negativePrompt: '', words: ['a', 'red', 'shoe'] },
  offCalibration: [
    measured('guidance scale', 2, 38),
    measured('guidance scale', 8, 28.25),
    measured('negative prompt', 'blurry', 33),
    measured('wording', 'at night', 31),
  ],
};
const REQUEST = { guidanceScale: 4, negativePrompt: '', prompts: ['A red shoe'] };

describe('offCalibrationWarnings(bundle, request)', () => {
  it('says nothing of a request like those of the calibration', () => {
    expect(offCalibrationWarnings(BUNDLE, REQUEST)).toEqual([]);
  });

  it('tells the loss at a guidance scale that was measured, and at the nearest one', () => {
    const warningsAt = (guidanceScale: number) =>
      offCalibrationWarnings(BUNDLE, { ...REQUEST, guidanceScale });
    expect(warningsAt(8)).toEqual([
      "The bundle was calibrated at guidance scale 4; at 8, pictures measured 28.3 dB against the original's, in place of 36.0.",
    ]);
    expect(warningsAt(7)[0]).toContain('at 7 its quality was not measured; at 8, pictures measured 28.3 dB');
  });

  it('tells the loss with another negative prompt, where guidance uses it', () => {
    const request = { ...REQUEST, negativePrompt: 'ugly' };
    expect(offCalibrationWarnings(BUNDLE, request)[0]).toContain('"blurry", measured 33.0 dB');
    expect(offCalibrationWarnings(BUNDLE, { ...request, guidanceScale: 1 })).toHaveLength(1);
  });

  it('names words that the calibration has not seen, where such words cost a decibel', () => {
    const request = { ...REQUEST, prompts: ['a blue shoe', 'a red hat'] };
    expect(offCalibrationWarnings(BUNDLE, request)).toEqual([
      `The calibration has not seen "blue", "hat"; prompts with unseen words measured 31.0 dB against the original's, in place of 36.0.`,
    ]);
    const harmless = { ...BUNDLE, offCalibration: [measured('wording', 'at night', 35.5)] };
    expect(offCalibrationWarnings(harmless, request)).toEqual([]);
  });

  it('says of a bundle that measured nothing that its quality was not measured', () => {
    const older = { guidanceScale: 4, offCalibration: [] };
    expect(offCalibrationWarnings(older, { ...REQUEST, guidanceScale: 7, negativePrompt: 'ugly' })).toEqual([
      'The bundle was calibrated at guidance scale 4; at 7 its quality was not measured.',
    ]);
  });
});

describe('wordsOf(prompts)', () => {
  it('are in lower case, each once, without punctuation', () => {
    expect(wordsOf(['A red shoe, red!', 'größe 7'])).toEqual(['7', 'a', 'größe', 'red', 'shoe']);
  });
});
