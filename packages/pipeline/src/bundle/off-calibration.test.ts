import { describe, expect, it } from 'vitest';
import {
  type CalibratedFor,
  type OffCalibration,
  offCalibrationsSchema,
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

const PLMS = { name: 'PNDMScheduler', steps: 50 };

const BUNDLE: CalibratedFor = {
  sampler: PLMS,
  guidanceScale: 4,
  calibration: { negativePrompt: '', words: ['a', 'red', 'shoe'] },
  offCalibration: [
    measured('guidance scale', 2, 38),
    measured('guidance scale', 8, 28.25),
    measured('negative prompt', 'blurry', 33),
    measured('wording', 'at night', 31),
    measured('steps', 25, 31.2),
    measured('steps', 100, 35),
  ],
};
const REQUEST = { sampler: PLMS, guidanceScale: 4, negativePrompt: '', prompts: ['A red shoe'] };

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

  it('takes all guidance scales up to 1 for the same', () => {
    const warningsAt = (calibrated: number, guidanceScale: number, half = 2) =>
      offCalibrationWarnings(
        { ...BUNDLE, guidanceScale: calibrated, offCalibration: [measured('guidance scale', half, 38)] },
        { ...REQUEST, guidanceScale },
      );
    expect(warningsAt(0, 1)).toEqual([]);
    expect(warningsAt(1, 0.5)).toEqual([]);
    expect(warningsAt(0, 4)).toHaveLength(1);
    expect(warningsAt(1.5, 0, 0.75)[0]).toContain('at 1, pictures measured 38.0 dB');
  });

  it('tells the loss at a number of steps that was measured, and at the nearest one', () => {
    const warningsAt = (steps: number) =>
      offCalibrationWarnings(BUNDLE, { ...REQUEST, sampler: { ...PLMS, steps } });
    expect(warningsAt(25)).toEqual([
      "The bundle was calibrated at 50 steps; at 25, pictures measured 31.2 dB against the original's, in place of 36.0.",
    ]);
    expect(warningsAt(90)[0]).toContain(
      'at 90 its quality was not measured; at 100, pictures measured 35.0 dB',
    );
    const other = { name: 'DDIMScheduler', steps: 51 };
    expect(offCalibrationWarnings(BUNDLE, { ...REQUEST, sampler: other })).toEqual([]);
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
    const older = { sampler: PLMS, guidanceScale: 4, offCalibration: [] };
    const request = { sampler: { ...PLMS, steps: 20 }, guidanceScale: 7, negativePrompt: 'ugly' };
    expect(offCalibrationWarnings(older, { ...REQUEST, ...request })).toEqual([
      'The bundle was calibrated at 50 steps; at 20 its quality was not measured.',
      'The bundle was calibrated at guidance scale 4; at 7 its quality was not measured.',
    ]);
  });
});

describe('offCalibrationsSchema', () => {
  it('leaves out kinds that a later version may add, and refuses what is damaged', () => {
    const known = measured('steps', 25, 31);
    expect(offCalibrationsSchema.parse([{ ...known, kind: 'weather' }, known])).toEqual([known]);
    expect(offCalibrationsSchema.safeParse([{ ...known, psnr: 'good' }]).success).toBe(false);
    expect(offCalibrationsSchema.safeParse([{}]).success).toBe(false);
    expect(offCalibrationsSchema.safeParse('none').success).toBe(false);
  });
});

describe('wordsOf(prompts)', () => {
  it('are in lower case, each once, without punctuation', () => {
    expect(wordsOf(['A red shoe, red!', 'größe 7'])).toEqual(['7', 'a', 'größe', 'red', 'shoe']);
  });
});
