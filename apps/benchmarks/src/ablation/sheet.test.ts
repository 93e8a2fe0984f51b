import type { RgbImage } from '@cachequant/evaluate';
import { expect, it } from 'vitest';
import { tableRow } from '../__fixtures__/small-table.js';
import { fashionDdpm } from './models/fashion-ddpm.js';
import { renderSheet } from './sheet.js';

const rows = ['float-ddim-100', 'w8a8-dpm-solver++-10', 'paper-i10', 'cachequant-ddim-100-i10'].map((id) =>
  tableRow({ id, curve: id.startsWith('paper') ? 'paper' : 'cachequant', sampler: 'ddim', steps: 100 }),
);

function grey(level: number): RgbImage {
  return { width: 32, height: 32, rgb: new Uint8Array(32 * 32 * 3).fill(level) };
}

it('renderSheet has a row for each way, and as many columns as all of them have pictures', () => {
  const pictures = new Map(
    rows.map(({ id }, i) => [id, Array.from({ length: 3 - (i % 2) }, () => grey(60 * i))]),
  );
  const sheet = renderSheet(fashionDdpm, rows, pictures, () => '')!;
  const levels = new Set(sheet.rgb);
  for (const level of [0, 60, 120, 180]) expect(levels).toContain(level);
  expect(sheet.height).toBeGreaterThanOrEqual(4 * 3 * 32);
  const inOneRow = renderSheet(fashionDdpm, rows.slice(0, 1), pictures, () => '')!;
  expect(inOneRow.height).toBeLessThan(sheet.height / 2);
  expect(inOneRow.width).toBeGreaterThan(sheet.width - 2 * 3 * 32);
});

it('renderSheet without pictures of a way gives none', () => {
  expect(renderSheet(fashionDdpm, rows, new Map(), () => '')).toBeUndefined();
});
