import { describe, expect, it } from 'vitest';
import { tableOf, tableRow } from '../__fixtures__/small-table.js';
import type { AblationRow } from './results.js';
import { winnersOf } from './winners.js';

const float10 = tableRow({
  id: 'float-dpm-solver++-10',
  curve: 'fewer steps, dpm-solver++',
  sampler: 'dpm-solver++',
  steps: 10,
  timeRatio: 0.5,
  psnrConverged: 40,
});
const integers25 = tableRow({
  id: 'w8a8-ddim-25',
  curve: 'int8, fewer steps, ddim',
  sampler: 'ddim',
  steps: 25,
  bits: 'w8a8',
  timeRatio: 0.24,
  psnrConverged: 34,
});
const ours3 = tableRow({
  id: 'cachequant-plms-50-i3',
  curve: 'cachequant',
  interval: 3,
  timeRatio: 0.3,
  psnrConverged: 38,
});
const paper3 = tableRow({ id: 'paper-i3', curve: 'paper', interval: 3, timeRatio: 0.25, psnrConverged: 33 });
const even5 = tableRow({
  id: 'uniform-float-i5',
  curve: 'uniform cache',
  interval: 5,
  timeRatio: 0.19,
  psnrConverged: 31,
});
const rows = [float10, integers25, ours3, paper3, even5];

const brief = (table: AblationRow[]) =>
  winnersOf(tableOf(table)).map(({ speed, row, beaten, margin }) => [speed, row.id, beaten?.id, margin]);

describe('winnersOf(results)', () => {
  it('finds the best of all sides that are fast enough, against ours or against the best rival', () => {
    expect(brief(rows)).toEqual([
      [2, float10.id, ours3.id, 2],
      [2.5, ours3.id, integers25.id, 4],
      [3, ours3.id, integers25.id, 4],
      [4, integers25.id, undefined, undefined],
      [5, even5.id, undefined, undefined],
    ]);
  });

  it('has the best of each side within the time', () => {
    const ids = winnersOf(tableOf(rows)).map(({ best }) =>
      Object.fromEntries(Object.entries(best).map(([side, row]) => [side, row.id])),
    );
    expect(ids[0]).toEqual({
      ours: ours3.id,
      'no cache': float10.id,
      "the paper's recipe": paper3.id,
      'plain cache': even5.id,
    });
    expect(ids[3]).toEqual({
      'no cache': integers25.id,
      "the paper's recipe": paper3.id,
      'plain cache': even5.id,
    });
  });

  it('leaves the converged solution, the factorial and other weights out', () => {
    const others = [
      tableRow({ id: 'converged', curve: 'reference', timeRatio: 0.1, psnrConverged: 99 }),
      tableRow({ id: 'factors-x', curve: 'factors', timeRatio: 0.1, psnrConverged: 99 }),
      tableRow({ id: 'student', curve: 'few-step student', timeRatio: 0.1, psnrConverged: 99 }),
    ];
    expect(brief([...rows, ...others])).toEqual(brief(rows));
  });

  it('finds nobody in rows without times, or without the converged solution', () => {
    expect(brief(rows.map((row) => ({ ...row, timeRatio: null })))).toEqual([]);
    expect(brief(rows.map((row) => ({ ...row, psnrConverged: null })))).toEqual([]);
  });

  it('says whether `optimize` tries a row like the winner', () => {
    const tried = Object.fromEntries(
      winnersOf(tableOf(rows)).map(({ speed, optimizeTries }) => [speed, optimizeTries]),
    );
    expect(tried).toEqual({ 2: true, 2.5: true, 3: true, 4: false, 5: false });
  });

  it('has the paired interval of the table, turned where the table has the pair the other way round', () => {
    const compared = tableOf(rows, {
      budgets: [
        { speed: 3, ours: ours3.id, rival: integers25.id, oursPsnr: 38, rivalPsnr: 34, interval: [3.5, 4.5] },
      ],
      differences: [
        {
          better: ours3.id,
          worse: float10.id,
          measure: 'psnrConverged',
          difference: -2,
          interval: [-2.2, -1.7],
          timeRatios: [0.3, 0.5],
        },
      ],
    });
    const intervals = winnersOf(compared).map(({ interval }) => interval);
    expect(intervals).toEqual([[1.7, 2.2], [3.5, 4.5], [3.5, 4.5], undefined, undefined]);
  });

  it('takes no interval of a difference to the own reference', () => {
    const difference = {
      better: ours3.id,
      worse: integers25.id,
      difference: 1,
      timeRatios: [null, null] as [null, null],
    };
    const compared = tableOf(rows, { differences: [{ ...difference, measure: 'psnr', interval: [0, 2] }] });
    expect(winnersOf(compared).every(({ interval }) => interval === undefined)).toBe(true);
  });
});
