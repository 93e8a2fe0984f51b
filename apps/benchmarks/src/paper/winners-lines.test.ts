import { describe, expect, it } from 'vitest';
import { tableOf, tableRow } from '../__fixtures__/small-table.js';
import { renderSides, renderWinners } from './winners-lines.js';

const plain = tableRow({
  id: 'float-dpm-solver++-20',
  curve: 'fewer steps, dpm-solver++',
  sampler: 'dpm-solver++',
  steps: 20,
  timeRatio: 0.4,
  psnrConverged: 40.31,
});
const ours = (interval: number, timeRatio: number, psnrConverged: number) =>
  tableRow({
    id: `cachequant-plms-50-i${interval}`,
    curve: 'cachequant',
    interval,
    timeRatio,
    psnrConverged,
  });
const paper = tableRow({ id: 'paper-i5', curve: 'paper', interval: 5, timeRatio: 0.2, psnrConverged: 33 });
const even = tableRow({
  id: 'uniform-float-i10',
  curve: 'uniform cache',
  interval: 10,
  timeRatio: 0.16,
  psnrConverged: 27,
});
const rows = [plain, ours(3, 0.3, 39.1), ours(4, 0.24, 38.04), ours(5, 0.2, 33.02), paper, even];

describe('renderWinners(tables)', () => {
  it('names the rival where it wins, by how much, and where ours does', () => {
    expect(renderWinners(new Map([['fashion-sd', tableOf(rows)]]))).toEqual([
      '- **fashion-sd** (16 seeds): at 2x and 2.5x 20 DPM-Solver++ steps in float, ahead of ours by 1.2 dB; at 3x, 4x and 5x ours, by 6.1 dB, 5.0 dB and less than 0.1 dB; at 6x 50 PLMS steps at interval 10, refreshed evenly, in float, alone in that time.',
    ]);
  });

  it('says of a model that it has no times yet', () => {
    const untimed = tableOf(rows.map((row) => ({ ...row, timeRatio: null })));
    expect(renderWinners(new Map([['fashion-sd', untimed]]))).toEqual(['- **fashion-sd**: no times yet.']);
  });

  it('says of a difference whose interval has 0 in it that it is within noise', () => {
    const table = tableOf([plain, ours(3, 0.4, 40)], {
      budgets: [
        {
          speed: 2,
          ours: 'cachequant-plms-50-i3',
          rival: plain.id,
          oursPsnr: 40,
          rivalPsnr: 40.31,
          interval: [-0.7, 0.1],
        },
      ],
    });
    expect(renderWinners(new Map([['fashion-sd', table]]))[0]).toContain(
      'ahead of ours by 0.3 dB (within noise)',
    );
  });
});

describe('renderSides(results)', () => {
  it('has the best row of each side, and a dash where none is fast enough', () => {
    const lines = renderSides(tableOf(rows));
    expect(lines[0]).toBe("| times as fast | ours | no cache | the paper's recipe | plain cache | nearest |");
    expect(lines[2]).toBe(
      '| 2 | 39.1: 50 PLMS steps at interval 3 | 40.3: 20 DPM-Solver++ steps in float | 33.0: 50 PLMS steps at interval 5 | 27.0: 50 PLMS steps at interval 10, refreshed evenly, in float | **no cache** by 1.21 dB over ours |',
    );
    expect(lines.at(-1)).toMatch(
      /^\| 6 \| – \| – \| – \| 27\.0: .* \| \*\*plain cache\*\*, alone in that time; `optimize` does not try it \|$/,
    );
  });

  it('says that there are no times yet', () => {
    expect(renderSides(tableOf([]))).toEqual(['This table has no times yet.']);
  });
});
