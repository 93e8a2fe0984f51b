// @ts-check
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { launchChromium } from '../../../scripts/browser/chromium.mjs';
import { serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import { bytesByPart } from './first-visit.mjs';
import { model, site, studio } from './paths.mjs';

/**
 * Measures the built site in Chromium, into results/measured.json: the original against the bundle in the same page,
 * on one thread and on two; bytes of a first visit; and the time from opening the page to its pictures. The server is on
 * the same machine, so no network is in these times. Times are to be taken on a machine that does nothing else.
 *
 * @example node apps/studio/tools/measure.mjs ratio visits
 */
const RUNS = 3;
const browser = await launchChromium();
const plain = await serveFolders({ folders: { '/': site } });
const isolated = await serveFolders({ folders: { '/': site }, isolated: true });

/** @param {import('playwright-core').Page} page */
const ready = (page) => page.waitForSelector('#interval:not(:disabled)');

/**
 * Makes pictures once and reads both clocks.
 *
 * @param {import('playwright-core').Page} page
 */
async function generate(page) {
  await page.click('#go:not(.stop)');
  await page.waitForFunction(() => document.querySelector('#fact-speed')?.textContent !== '–', undefined, {
    timeout: 120_000,
  });
  /** @param {string} card */
  const clock = async (card) => Number.parseFloat((await page.textContent(`#card-${card} .clock`)) ?? '');
  const psnr = Number.parseFloat((await page.textContent('#fact-psnr')) ?? '');
  return { original: await clock('original'), cachequant: await clock('bundle'), psnr };
}

/** @param {readonly number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/**
 * @param {number} threads
 * @param {import('../../../scripts/browser/serve-folders.mjs').Serving} server
 */
async function compare(threads, server) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.url);
  await ready(page);
  if (threads > 1) await page.selectOption('#threads', String(threads));
  const pairs = [];
  for (let run = 0; run <= RUNS; run++) pairs.push(await generate(page));
  const backend = await page.textContent('#backend');
  const interval = Number(await page.inputValue('#interval'));
  await context.close();
  // The first pair warms both up.
  const counted = pairs.slice(1);
  return {
    backend,
    threads,
    interval,
    runs: counted.length,
    originalSeconds: median(counted.map(({ original }) => original)),
    cachequantSeconds: median(counted.map(({ cachequant }) => cachequant)),
    ratio: Number(median(counted.map(({ original, cachequant }) => original / cachequant)).toFixed(2)),
    psnr: counted[0]?.psnr,
  };
}

/** What a visitor downloads until both pictures are there. */
async function bytesOfFirstVisit() {
  const context = await browser.newContext();
  const page = await context.newPage();
  plain.requests.length = 0;
  await page.goto(plain.url);
  await ready(page);
  await generate(page);
  await context.close();
  return bytesByPart(plain.requests, site);
}

/** Opens the page twice as the same visitor and presses the button as soon as it is there. */
async function visits() {
  const context = await browser.newContext();
  const made = [];
  for (const visit of ['first', 'second']) {
    const page = await context.newPage();
    const start = performance.now();
    await page.goto(plain.url);
    await page.click('#go:not(.stop)');
    const done = (/** @type {string} */ card) =>
      page
        .waitForFunction(
          (id) => /(calls|reused)$/.test(document.querySelector(`#card-${id} .calls`)?.textContent ?? ''),
          card,
          { timeout: 120_000 },
        )
        .then(() => Number(((performance.now() - start) / 1000).toFixed(2)));
    const [originalSeconds, cachequantSeconds] = await Promise.all([done('original'), done('bundle')]);
    made.push({ visit, originalSeconds, cachequantSeconds });
    await page.close();
  }
  await context.close();
  return made;
}

/**
 * Bytes of page and runtime as a host that compresses would send them, without what only WebGPU loads. The service
 * worker's list has the chunks that a visit loads late as well.
 */
async function compressed() {
  const names = (await readFile(path.join(site, 'sw.js'), 'utf8')).match(/\.\/assets\/[^"]+/g) ?? [];
  let bytes = gzipSync(await readFile(path.join(site, 'index.html'))).length;
  for (const name of new Set(names)) {
    if (/asyncify|webgpu/.test(name)) continue;
    bytes += gzipSync(await readFile(path.join(site, name))).length;
  }
  return bytes;
}

/** @type {Record<string, () => Promise<object>>} */
const parts = {
  bytes: async () => ({ firstVisit: await bytesOfFirstVisit(), pageAndRuntimeGzip: await compressed() }),
  ratio: async () => ({ wasm: [await compare(1, plain), await compare(2, isolated)] }),
  visits: async () => ({ visits: await visits() }),
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
const file = path.join(studio, 'results/measured.json');
await mkdir(path.dirname(file), { recursive: true });
for (const part of wanted) {
  const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const where = {
    model: path.basename(model),
    machine: `${os.cpus()[0]?.model ?? 'unknown'}, ${os.availableParallelism()} cores`,
    browser: `Chromium ${browser.version()}`,
    measuredAt: new Date().toISOString().slice(0, 10),
  };
  const measured = { ...before, [part]: { ...where, ...(await parts[part]?.()) } };
  await writeFile(file, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(JSON.stringify(measured[part], null, 2));
}
await browser.close();
await plain.close();
await isolated.close();
