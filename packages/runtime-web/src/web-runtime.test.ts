import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { buildPages } from '../../../scripts/browser/build-pages.mjs';
import {
  findChromium,
  launchChromium,
  missingChromium,
  softwareGpu,
} from '../../../scripts/browser/chromium.mjs';
import { serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import { acceptFiles } from './__fixtures__/accept-files.js';
import type {} from './__fixtures__/conformance.js';
import type {} from './__fixtures__/storage.js';

const found = findChromium() !== undefined;
const WASM = 'ort-wasm-simd-threaded';
const suites = [
  { title: 'on an ordinary page', device: 'wasm', isolated: false, threads: 1, binary: WASM },
  { title: 'on an isolated page', device: 'wasm', isolated: true, threads: 2, binary: WASM },
  // Its element types beyond float are the processor's: what is tried with them is that they pass through.
  {
    title: 'on WebGPU',
    device: 'webgpu',
    isolated: false,
    threads: 1,
    binary: `${WASM}.asyncify`,
    allowFallback: true,
  },
] as const;

if (found) describe('in Chromium', inChromium);
else {
  test('the tests in Chromium need it', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

async function inChromium() {
  const root = fileURLToPath(new URL('./__fixtures__/', import.meta.url));
  const alias = { '@cachequant/runtime-web': fileURLToPath(new URL('../dist/index.js', import.meta.url)) };
  const site = await buildPages(root, ['conformance.html', 'storage.html'], { alias });
  const browser: Browser = await launchChromium(softwareGpu);
  afterAll(() => browser.close());

  for (const { title, isolated, threads, binary, ...options } of suites) {
    const server = await serveFolders({ folders: { '/': site }, isolated, intercept: acceptFiles() });
    const page = await browser.newPage();
    await page.goto(`${server.url}conformance.html`);
    await page.waitForFunction(() => typeof globalThis.conformance === 'function');
    const { device } = options;
    const { facts, results } = await page.evaluate((given) => globalThis.conformance(given), options);
    const integers = await page.evaluate((given) => globalThis.loadIntegers(given), { device });
    const allowed = await page.evaluate((given) => globalThis.loadIntegers(given), {
      device,
      allowFallback: true,
    });
    await page.close();
    await server.close();

    describe(title, () => {
      test('says what it is', () => {
        expect(facts).toMatchObject({ name: `web-${options.device}`, version: '1.30.0', threads });
      });
      for (const { title: name, error } of results) {
        test(name, () => {
          expect(error).toBe(undefined);
        });
      }
      test('runs integer layers where it has them; elsewhere only with leave, and tells which', () => {
        if (device === 'wasm') {
          expect([integers, allowed]).toEqual(Array(2).fill({ outcome: '{}', warnings: [] }));
          return;
        }
        expect(integers.outcome).toMatch(/^unsupported: .*WebGPU lacks operators/s);
        expect(Object.keys(JSON.parse(allowed.outcome))).not.toEqual([]);
        expect(allowed.warnings).toEqual([expect.stringMatching(/The processor computes/)]);
      });
      test(`fetches ${binary} alone`, () => {
        const binaries = server.requests.filter((request) => request.endsWith('.wasm'));
        expect(
          new Set(binaries.map((request) => request.replace(/^GET .*\/|-[\w-]{8}\.wasm$/g, ''))),
        ).toEqual(new Set([binary]));
      });
    });
  }

  const server = await serveFolders({ folders: { '/': site } });
  const page = await browser.newPage();
  await page.goto(`${server.url}storage.html`);
  await page.waitForFunction(() => typeof globalThis.storageSuite === 'function');
  const results = await page.evaluate(() => globalThis.storageSuite());
  const folder = await page.evaluate(() => globalThis.readFolder());
  await page.close();
  await server.close();

  describe('opfsStorage as a storage', () => {
    for (const { title, error } of results) {
      test(title, () => {
        expect(error).toBe(undefined);
      });
    }
  });

  test('directoryStorage shows the files of a folder handle, however deep', () => {
    // Unfinished files of the storage that wrote them are in a folder of their own, which is empty by then.
    expect(folder).toEqual([
      ['cachequant.json', 2],
      ['unet/model.onnx', 3],
    ]);
  });
}
