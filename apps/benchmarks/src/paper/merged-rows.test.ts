import { describe, expect, it } from 'vitest';
import { tableOf, tableRow } from '../__fixtures__/small-table.js';
import { mergeRows } from './merged-rows.js';
import type { PublishedFamily } from './published.js';

const family: PublishedFamily = {
  id: 'stable-diffusion',
  model: 'a model',
  setting: 'a setting',
  rows: [
    { method: 'A', role: 'recipe', interval: 5, from: ['text'] },
    { method: 'B', role: 'uniform', interval: 20, from: ['text'] },
    { method: 'C', role: 'uniform-integers', interval: 20, from: ['text'] },
    { method: 'D', interval: 5, from: ['text'] },
  ],
  curves: [],
};

const rows = [
  tableRow({ id: 'float-plms-50', curve: 'fewer steps, plms' }),
  tableRow({ id: 'float-plms-25', curve: 'fewer steps, plms', steps: 25 }),
  tableRow({ id: 'w8a8-plms-50', curve: 'int8, fewer steps, plms', bits: 'w8a8' }),
  tableRow({ id: 'uniform-float-i5', curve: 'uniform cache', interval: 5 }),
  tableRow({ id: 'uniform-w8a8-i5', curve: 'uniform cache + int8', interval: 5, bits: 'w8a8' }),
  tableRow({ id: 'dp-float-i5', curve: 'DP cache', interval: 5 }),
  tableRow({ id: 'paper-i5', curve: 'paper', interval: 5, bits: 'w8a8' }),
  tableRow({ id: 'cachequant-plms-50-i1', curve: 'cachequant', bits: 'w8a8' }),
  tableRow({ id: 'cachequant-plms-50-i4', curve: 'cachequant', interval: 4, bits: 'w8a8' }),
  tableRow({ id: 'cachequant-plms-50-i5', curve: 'cachequant', interval: 5, bits: 'w8a8' }),
  tableRow({ id: 'cachequant-dpm', curve: 'cachequant', interval: 5, sampler: 'dpm-solver++', bits: 'w8a8' }),
  tableRow({ id: 'factors-x', curve: 'factors', interval: 5, bits: 'w8a8' }),
];

const brief = (merged: ReturnType<typeof mergeRows>) =>
  merged.map(({ role, interval, published, measured }) => [role, interval, published?.method, measured?.id]);

describe('mergeRows(family, name, table)', () => {
  it('puts rows of the same kind and interval together: no cache, then each interval, then the rest of the paper', () => {
    expect(brief(mergeRows(family, 'fashion-sd', tableOf(rows)))).toEqual([
      ['original', undefined, undefined, 'float-plms-50'],
      ['integers', undefined, undefined, 'w8a8-plms-50'],
      ['ours', undefined, undefined, 'cachequant-plms-50-i1'],
      ['uniform', 5, undefined, 'uniform-float-i5'],
      ['recipe', 5, 'A', 'paper-i5'],
      ['ours', 5, undefined, 'cachequant-plms-50-i5'],
      ['uniform', 20, 'B', undefined],
      ['uniform-integers', 20, 'C', undefined],
      [undefined, 5, 'D', undefined],
    ]);
  });

  it('has the rows of the paper alone without a table', () => {
    expect(brief(mergeRows(family, 'fashion-sd', undefined))).toEqual([
      ['recipe', 5, 'A', undefined],
      ['uniform', 20, 'B', undefined],
      ['uniform-integers', 20, 'C', undefined],
      [undefined, 5, 'D', undefined],
    ]);
  });
});
