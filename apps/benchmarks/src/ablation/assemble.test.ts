import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { RgbImage } from '@cachequant/evaluate';
import { createSampler } from '@cachequant/samplers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLMS_50 } from '../__fixtures__/small-table.js';
import { type AssembleRequest, assembleRows } from './assemble.js';
import type { Contestant } from './contestants.js';
import { fashionSd } from './models/fashion-sd.js';
import { PictureFile } from './picture-file.js';
import type { ChosenRow } from './results.js';
import { CONVERGED } from './rows.js';

const SIZE = 16;
const SEEDS = 3;

/** Pictures whose values are all by so much above 100, which is the converged solution's. */
const pictures = (error: number): RgbImage[] =>
  Array.from({ length: SEEDS }, (_, seed) => ({
    width: SIZE,
    height: SIZE,
    rgb: new Uint8Array(3 * SIZE * SIZE).fill(100 + error + (error > 0 ? seed : 0)),
  }));

const entries: { row: ChosenRow; error: number; ratio?: number; denoiserBytes: number | null }[] = [
  { row: { ...CONVERGED, cache: null, refreshCalls: null, calls: 500 }, error: 0, denoiserBytes: null },
  {
    row: { ...PLMS_50, id: 'float-plms-50', curve: 'fewer steps, plms' },
    error: 1,
    ratio: 1,
    denoiserBytes: null,
  },
  {
    row: { ...PLMS_50, id: 'float-plms-20', curve: 'fewer steps, plms', steps: 20 },
    error: 3,
    ratio: 0.4,
    denoiserBytes: null,
  },
  {
    row: { ...PLMS_50, id: 'cachequant-plms-50-i3', curve: 'cachequant', interval: 3, bits: 'w8a8' },
    error: 5,
    ratio: 0.3,
    denoiserBytes: 123,
  },
  {
    row: { ...PLMS_50, id: 'paper-i3', curve: 'paper', interval: 3, bits: 'w8a8' },
    error: 9,
    ratio: 0.33,
    denoiserBytes: 456,
  },
];

describe('assembleRows(request)', () => {
  let folder: string;
  let request: AssembleRequest;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'cachequant-assemble-'));
    const files = entries.map(async ({ row, error }) => {
      const file = await PictureFile.open(folder, row.id, SIZE);
      await file.append(pictures(error));
      return file;
    });
    const contestants: Contestant[] = entries.map(({ row, denoiserBytes }) => ({
      row,
      denoiserBytes,
      sampler: createSampler(
        { num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012 },
        { sampler: 'ddim', steps: 2 },
      ),
      fingerprint: row.id,
      load: () => Promise.reject(new Error('nothing is drawn')),
    }));
    request = {
      model: fashionSd,
      contestants,
      files: await Promise.all(files),
      times: Object.fromEntries(entries.flatMap(({ row, ratio }) => (ratio ? [[row.id, [ratio]]] : []))),
      judge: {
        judge: async (judged) => ({ frechet: judged.length, kindAccuracy: null, colorAccuracy: null }),
        dispose: async () => {},
      },
      captionOf: () => '',
      seeds: SEEDS,
      frechetSeeds: SEEDS,
      leastFrechet: 2,
    };
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('has the bytes of each denoiser, and a Fréchet distance of all but the converged solution', async () => {
    const { rows } = await assembleRows(request);
    expect(rows.map(({ denoiserBytes }) => denoiserBytes)).toEqual([null, null, null, 123, 456]);
    expect(rows.map(({ frechet }) => frechet)).toEqual([null, 3, 3, 3, 3]);
  });

  it('compares who wins at a speed with whom, paired by seed', async () => {
    const { differences, budgets } = await assembleRows(request);
    const won = differences.find(({ better }) => better === 'float-plms-20')!;
    const decibels = (error: number) => 20 * Math.log10(255 / error);
    const expected = [0, 1, 2].map((seed) => decibels(3 + seed) - decibels(5 + seed));
    expect(won).toMatchObject({
      worse: 'cachequant-plms-50-i3',
      measure: 'psnrConverged',
      timeRatios: [0.4, 0.3],
    });
    expect(won.difference).toBeCloseTo(expected.reduce((sum, value) => sum + value, 0) / SEEDS, 6);
    expect(won.interval[0]).toBeGreaterThan(0);
    expect(differences.filter(({ better }) => better === 'float-plms-20')).toHaveLength(1);
    expect(budgets.map(({ speed, ours }) => [speed, ours])).toContainEqual([3, 'cachequant-plms-50-i3']);
  });
});
