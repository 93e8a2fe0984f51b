import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launchChromium, missingChromium } from '../../../scripts/browser/chromium.mjs';
import { sampleReport } from './__fixtures__/sample-report.js';
import { renderReport } from './render-report.js';

// As text, since it is for the page, whose types are not those of the package.
const measurePage = readFileSync(new URL('__fixtures__/measure-page.js', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'cachequant-report-'));
const places = [
  { width: 1280, colorScheme: 'light' },
  { width: 720, colorScheme: 'light' },
  { width: 390, colorScheme: 'light' },
  { width: 390, colorScheme: 'dark' },
] as const;
let browser: Browser | undefined;

/** Long names, two points that nearly coincide, and more files than there are colours. */
function crowdedReport() {
  const sample = sampleReport();
  const rows = sample.rows.map((row) => ({ ...row, label: `${row.label}, the same time as the others` }));
  const twin = { ...rows[2]!, id: 'twin', label: 'almost the same', speedup: rows[2]!.speedup * 1.01 };
  const files = Array.from({ length: 9 }, (_, at) => ({ name: `file-${at}.onnx`, bytes: 9e5 - at * 7e4 }));
  return { ...sample, rows: [...rows, twin], denoiserItems: files };
}

beforeAll(async () => {
  if (findChromium() !== undefined) browser = await launchChromium();
  else if (process.env.CI) throw new Error(missingChromium);
  writeFileSync(join(folder, 'report.html'), renderReport(crowdedReport()));
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

async function open({ width, colorScheme }: (typeof places)[number]): Promise<Page> {
  // The page forbids all scripts; those of the test come past that.
  const page = await browser!.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
  await page.goto(`file://${join(folder, 'report.html')}`);
  return page;
}

describe.each(places)('a report, $width pixels wide, $colorScheme', (place) => {
  it('has nothing that axe finds wrong', async ({ skip }) => {
    if (!browser) skip(missingChromium);
    const page = await open(place);
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      const run = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run;
      return (await run()).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
      );
    });
    expect(violations).toEqual([]);
    await page.close();
  });

  it('clips no cell, and no label of the scatter plot covers another one', async ({ skip }) => {
    if (!browser) skip(missingChromium);
    const page = await open(place);
    const found = (await page.evaluate(measurePage)) as Found;
    expect(found.wider).toBe(false);
    expect(found.clipped).toEqual([]);
    expect(found.labels).toBe(7);
    expect(found.covered).toEqual([]);
    await page.close();
  });
});

interface Found {
  readonly wider: boolean;
  readonly clipped: readonly string[];
  readonly labels: number;
  readonly covered: readonly string[];
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}
