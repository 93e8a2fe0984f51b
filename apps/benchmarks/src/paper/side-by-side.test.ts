import { describe, expect, it } from 'vitest';
import { tableOf, tableRow } from '../__fixtures__/small-table.js';
import type { PublishedFamily } from './published.js';
import { renderFamily } from './side-by-side.js';

const family: PublishedFamily = {
  id: 'stable-diffusion',
  model: 'A large model',
  setting: 'a setting',
  rows: [
    {
      method: 'float',
      role: 'original',
      speed: 1,
      compression: 1,
      fid: 10,
      from: ['derived'],
      doubt: 'First doubt',
    },
    {
      method: 'Theirs',
      role: 'recipe',
      interval: 5,
      speed: 5.18,
      compression: 4,
      fid: 9.5,
      clipChange: -0.02,
      from: ['text', 'figure'],
    },
    {
      method: 'Elsewhere',
      interval: 5,
      fid: 3.5,
      floatFid: 4,
      inceptionScore: 159.27,
      from: ['note'],
      doubt: 'Second doubt',
    },
  ],
  curves: [
    {
      method: 'Theirs',
      measure: 'FID',
      points: [
        [7.9, 4],
        [12.2, 4.7],
      ],
    },
  ],
};

const rows = [
  tableRow({
    id: 'float-plms-50',
    curve: 'fewer steps, plms',
    timeRatio: 1,
    psnrConverged: 45,
    frechet: 12,
    frechetSeeds: 16,
  }),
  tableRow({
    id: 'paper-i5',
    curve: 'paper',
    interval: 5,
    bits: 'w8a8',
    timeRatio: 0.25,
    psnr: 33.14,
    frechet: 12.34,
    denoiserBytes: 1_000_000,
  }),
  tableRow({ id: 'cachequant-plms-50-i5', curve: 'cachequant', interval: 5, bits: 'w8a8' }),
];
const model = { name: 'fashion-sd', parameters: 900_000, floors: [{ count: 32, distance: 2.5 }] };
const cells = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

describe('renderFamily(family, models)', () => {
  const lines = renderFamily(family, [{ ...model, table: tableOf(rows) }]);
  const table = lines.filter((line) => line.startsWith('|')).map(cells);

  it('sets what was measured beside what was published, with changes from float on both sides', () => {
    expect(table.slice(2)).toEqual([
      ['float (a)', '–', '1x', '1x', 'FID 10.00', 'derived', '1x', '1x', '12.00', '–'],
      [
        "the paper's recipe (Theirs)",
        '5',
        '5.18x',
        '4x',
        'FID 9.50 (−0.50), CLIP −0.02 to float',
        'text, figure',
        '4x',
        '3.60x',
        '12.34 (+0.34)',
        '33.1',
      ],
      ['**ours**', '5', '–', '–', '–', '–', '–', '–', '–', '–'],
      ['Elsewhere (b)', '5', '–', '–', 'FID 3.50 (−0.50), IS 159.3', 'note', '–', '–', '–', '–'],
    ]);
  });

  it('says with what it was measured, and what is doubtful or read off a figure', () => {
    expect(lines[0]).toBe('The paper: A large model; a setting.');
    expect(lines[2]).toBe(
      'Ours: **fashion-sd**, a denoiser of 0.90 million parameters; 50 PLMS steps, guidance scale 4; PSNR on 16 held-out seeds; Fréchet distance on 16 pictures of each row (the floor: 32 other real pictures have 2.50); timed on a processor, one thread. [All rows](ablation.md).',
    );
    expect(lines.slice(-5)).toEqual([
      '(a) First doubt.',
      '',
      '(b) Second doubt.',
      '',
      'Read off a figure, Theirs: FID 4 at 7.9x and 4.7 at 12.2x.',
    ]);
  });

  it('says what a table does not have yet', () => {
    const [, , introduction] = renderFamily(family, [{ ...model, table: tableOf([rows[2]!]) }]);
    expect(introduction).toContain('PSNR on no seeds yet; Fréchet distances not measured; not timed yet.');
  });

  it('has the rows of the paper alone where no model has a table, and says so', () => {
    const alone = renderFamily(family, [{ ...model, table: undefined }]);
    expect(alone.filter((line) => line.startsWith('|')).map((line) => cells(line).length)).toEqual([
      6, 6, 6, 6, 6,
    ]);
    expect(alone).toContain('**fashion-sd** has no table yet (`npm run ablation -- --model fashion-sd`).');
  });

  it('has no table where there are no rows at all, and says that the numbers are not known', () => {
    const lines = renderFamily({ ...family, rows: [], curves: [] }, [{ ...model, table: undefined }]);
    expect(lines[0]).toBe('The paper: A large model; a setting. Its numbers are not known to us.');
    expect(lines.some((line) => line.startsWith('|'))).toBe(false);
  });
});
