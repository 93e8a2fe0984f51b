import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { psnr } from '@cachequant/evaluate';
import {
  createBundleGenerator,
  createGenerator,
  type GenerationRequest,
  type Generator,
} from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { writeFile } from '@cachequant/tensor';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildPages } from '../../../scripts/browser/build-pages.mjs';
import {
  findChromium,
  launchChromium,
  missingChromium,
  softwareGpu,
} from '../../../scripts/browser/chromium.mjs';
import { type Serving, serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import {
  type OptimizedModel,
  optimizedModel,
  SMALL_RUN,
} from '../../optimizer/src/__fixtures__/optimized-model.js';
import { damagedModel } from '../../pipeline/src/__fixtures__/damaged-model.js';
import type {} from './__fixtures__/vite/main.js';
import type {} from './__fixtures__/vite/optimize.js';
import type { PreflightOptions } from './preflight.js';
import type { WebGeneratorOptions } from './web-generator.js';

// Two processors that do other things as well take their time.
vi.setConfig({ testTimeout: 180_000 });
/** A graphics card in software takes minutes. */
const FULL = { tags: 'full', timeout: 600_000 };
const found = findChromium() !== undefined;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = here('../../../models/fashion-sd');
/** As diffusers saves it: safetensors, with two text encoders. */
const CHECKPOINT = here('../../../models/tiny/sdxl');
/** The least that gives integers and a cache. */
const QUICK_RUN = {
  ...SMALL_RUN,
  steps: 3,
  calibrationImages: 1,
  schedule: 'uniform',
  cacheCorrection: 'forecast',
  components: 'keep',
} as const;
const REQUEST = { prompt: 'a photo of a red sneaker', seed: 7 };

if (found) describe('createGenerator in Chromium', inChromium);
else {
  test('the tests in Chromium need it', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

test('importing touches nothing of a browser, so that servers can render pages that use it', async () => {
  const script = `
    for (const name of ['document', 'window', 'location', 'Worker', 'indexedDB'])
      Object.defineProperty(globalThis, name, { get() { throw new Error(name + ' was touched'); } });
    const { createGenerator } = await import('@cachequant/web');
    const { createWebRuntime, httpStorage } = await import('@cachequant/runtime-web');
    console.log(typeof createGenerator, typeof createWebRuntime, typeof httpStorage);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: here('..'),
  });
  expect(stdout).toBe('function function function\n');
});

function inChromium() {
  let browser: Browser;
  let made: OptimizedModel;
  let bundle: string;
  let damaged: string;
  let site: string;
  let visitor: BrowserContext;
  let ordinary: Serving;
  let isolated: Serving;
  const folders = () => ({
    '/': site,
    '/model/': MODEL,
    '/checkpoint/': CHECKPOINT,
    '/bundle/': bundle,
    '/damaged/': damaged,
    '/plain/': here('__fixtures__/plain'),
    '/node_modules/@cachequant/web/': here('..'),
    '/node_modules/onnxruntime-web/': here('../node_modules/onnxruntime-web'),
  });

  beforeAll(async () => {
    [browser, made, site] = await Promise.all([
      launchChromium(softwareGpu),
      // In several files, as a host with a limit needs them.
      optimizedModel(QUICK_RUN, { shardBytes: 1_500_000 }),
      buildPages(here('__fixtures__/vite'), ['index.html', 'optimize.html']),
    ]);
    bundle = made.out.locate!('cachequant.json')!.replace(/.cachequant\.json$/, '');
    damaged = await damagedFolder();
    visitor = await browser.newContext();
    ordinary = await serveFolders({ folders: folders() });
    isolated = await serveFolders({ folders: folders(), isolated: true });
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await made?.dispose();
    if (damaged !== undefined) await rm(damaged, { recursive: true });
    await ordinary?.close();
    await isolated?.close();
  });

  /** The model with one weight that is not a number. */
  async function damagedFolder(): Promise<string> {
    const isWeight = (name: string) => /mid_block\.resnets\.1\.conv1\.weight/.test(name);
    const model = await damagedModel('unet/model.onnx', isWeight, Number.NaN);
    const folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
    for (const path of await model.list()) await writeFile(nodeStorage(folder), path, await model.read(path));
    return folder;
  }

  /** A page of the same visitor, who keeps what an earlier one stored. */
  async function open(server: Serving, path = '') {
    const page = await visitor.newPage();
    await page.goto(server.url + path);
    if (path === '') await page.waitForFunction(() => typeof globalThis.generate === 'function');
    return page;
  }

  /** Decibels between a picture of the page and the same one made in Node. */
  async function agreement(generator: Promise<Generator>, request: GenerationRequest, rgb: number[]) {
    const image = await pictureOf(generator, request);
    return psnr({ ...image, rgb: Uint8Array.from(rgb) }, image);
  }

  async function pictureOf(generator: Promise<Generator>, request: GenerationRequest) {
    const made = await generator;
    const [image] = (await made.generate(request)).images;
    await made.dispose();
    return image!;
  }

  /**
   * That a picture which the bundle's integers made on the page is as good as Node's. Not that it is the same: where
   * backends add in another order, values at the border of two levels are rounded apart, each rounding moves others to
   * a border, and both end with rounding errors of their own (docs/decisions/2026-11-26-backends-round-apart.md). Two
   * such errors, independent of one another, differ by 3 dB more than each of them.
   */
  async function expectAsGood(rgb: number[]) {
    const { runtime } = made;
    const inNode = await pictureOf(createBundleGenerator({ storage: made.out, runtime }), REQUEST);
    const { sampler, guidanceScale } = made.summary.manifest;
    const original = await pictureOf(createGenerator({ storage: made.source, runtime }), {
      ...REQUEST,
      steps: sampler.steps,
      guidanceScale,
    });
    const onPage = { ...original, rgb: Uint8Array.from(rgb) };
    const [page, node] = [psnr(original, onPage), psnr(original, inNode)];
    expect(Math.abs(page - node)).toBeLessThan(1.5);
    expect(psnr(inNode, onPage)).toBeGreaterThan(Math.min(page, node) - 3);
  }

  test('a bundle is made on the page as well, from the model to its verification', async () => {
    const page = await open(ordinary, 'optimize.html');
    await page.waitForFunction(() => typeof globalThis.optimizeHere === 'function');
    const model = { url: '/model', files: [...(await nodeStorage(MODEL).list())] };
    const result = await page.evaluate(
      ({ model, options, prompt }) => globalThis.optimizeHere(model, options, prompt),
      { model, options: QUICK_RUN, prompt: REQUEST.prompt },
    );
    await page.close();
    expect(result.bytes).toBeLessThan(10e6);
    expect(result.plannedShare).toBeGreaterThan(0.9);
    expect(result.integerShare).toBeUndefined();
    // The same model and options in Node: the page calibrates the same images, with roundings of its own.
    expect(Math.abs(result.psnr - made.summary.pictures[0]!.psnr)).toBeLessThan(3);
    const generator = createBundleGenerator({ storage: made.out, runtime: made.runtime });
    expect(await agreement(generator, REQUEST, result.rgb)).toBeGreaterThan(25);
  });

  test('makes the pictures that Node makes from a bundle, on one thread, while the page goes on', async () => {
    const page = await open(ordinary);
    const outcome = await page.evaluate((request) => globalThis.generate('/bundle', {}, request), REQUEST);
    expect(outcome).toMatchObject({ backend: 'web-wasm', threads: 1 });
    expect(outcome.ticks).toBeGreaterThan(outcome.generateMs / 50);
    await expectAsGood(outcome.rgb);

    const statuses = new Set(outcome.events.map(({ status }) => status));
    expect([...statuses]).toEqual(['initiate', 'download', 'progress', 'progress_total', 'done', 'ready']);
    const totals = outcome.events.filter((event) => event.status === 'progress_total');
    expect(totals.at(-1)).toMatchObject({ progress: 100, loaded: totals.at(-1)!.total });

    const stored = await page.evaluate(() => globalThis.stored());
    expect(stored).toMatchObject({ persistent: true, bytes: totals.at(-1)!.total });
    ordinary.requests.length = 0;
    const again = await page.evaluate((request) => globalThis.generate('/bundle', {}, request), REQUEST);
    expect(again.rgb).toEqual(outcome.rgb);
    expect(ordinary.requests.filter((request) => /GET \/bundle/.test(request))).toEqual([]);
    await page.evaluate(() => globalThis.forget());
    expect((await page.evaluate(() => globalThis.stored())).files).toBe(0);
  });

  test('makes the pictures that Node makes from a model folder in float, on two threads', async () => {
    const page = await open(isolated);
    const request = { ...REQUEST, steps: 3 };
    const outcome = await page.evaluate((given) => globalThis.generate('/model/', {}, given), request);
    expect(outcome).toMatchObject({ backend: 'web-wasm', threads: 2 });
    const inNode = createGenerator({ storage: nodeStorage(MODEL), runtime: made.runtime });
    expect(await agreement(inNode, request, outcome.rgb)).toBeGreaterThan(60);
  });

  test('makes the pictures that Node makes from safetensors, by their address and from files', async () => {
    const request = { prompt: 'a red shoe!', steps: 2, seed: 7 };
    const page = await open(ordinary);
    const outcome = await page.evaluate((given) => globalThis.generate('/checkpoint/', {}, given), request);
    expect(outcome.backend).toBe('web-wasm');
    const inNode = () => createGenerator({ storage: nodeStorage(CHECKPOINT), runtime: made.runtime });
    expect(await agreement(inNode(), request, outcome.rgb)).toBeGreaterThan(50);
    const paths = await nodeStorage(CHECKPOINT).list();
    const files = Object.fromEntries(paths.map((path) => [path, `/checkpoint/${path}`]));
    const rgb = await page.evaluate(([given, prompt]) => globalThis.generateFromFiles(given, prompt), [
      files,
      request.prompt,
    ] as const);
    const asked = { prompt: request.prompt, seed: request.seed };
    expect(await agreement(inNode(), asked, rgb)).toBeGreaterThan(50);
  });

  test('stops at the first call that is not finite, with an error that names it and the layer', async () => {
    const page = await open(ordinary);
    const failure = await page.evaluate((given) => globalThis.failureOf('/damaged/', given), {
      ...REQUEST,
      steps: 2,
    });
    expect(failure).toEqual({
      code: 'non-finite',
      where: expect.stringMatching(/^call 0 \(timestep \d+\), layer Conv .*mid_block\/resnets\.1\/conv1/),
    });
  });

  test('takes the files of a folder that the visitor chose', async () => {
    const page = await open(ordinary);
    const files = Object.fromEntries((await made.out.list()).map((path) => [path, `/bundle/${path}`]));
    const rgb = await page.evaluate(([given, { prompt }]) => globalThis.generateFromFiles(given, prompt), [
      files,
      REQUEST,
    ] as const);
    await expectAsGood(rgb);
  });

  test("makes from a bundle's float graphs what Node makes from them: no level to round to, so the same", async () => {
    const page = await open(ordinary);
    const outcome = await page.evaluate(
      (request) => globalThis.generate('/bundle/', { device: 'wasm', precision: 'float32' }, request),
      REQUEST,
    );
    expect(outcome).toMatchObject({ backend: 'web-wasm', precision: 'float32' });
    const inNode = createBundleGenerator({ storage: made.out, runtime: made.runtime, precision: 'float32' });
    expect(await agreement(inNode, REQUEST, outcome.rgb)).toBeGreaterThan(50);
  });

  test('runs on a page of twenty lines without a bundler', async () => {
    ordinary.requests.length = 0;
    const page = await open(ordinary, 'plain/');
    await page.waitForFunction(() => document.title.startsWith('made by'));
    expect(await page.title()).toBe('made by web-wasm');
    expect(ordinary.requests.filter((request) => request.endsWith('.wasm'))).toEqual([
      'GET /node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
    ]);
  });

  const refusals: readonly (readonly [
    title: string,
    model: string,
    options: WebGeneratorOptions,
    code: RegExp,
  ])[] = [
    ['an address where nothing is', '/nothing/', {}, /no model at this address/],
    [
      'half precision where shaders have none',
      '/bundle/',
      { device: 'webgpu', precision: 'float16' },
      /no half precision/,
    ],
    ['threads on an ordinary page', '/bundle/', { threads: 2 }, /cross-origin isolated/],
    [
      'a binary that is not there',
      '/bundle/',
      { assets: { wasmPaths: { wasm: '/nothing.wasm' } } },
      /assets\.wasmPaths/,
    ],
  ];
  test.each(refusals)('refuses %s', async (_, model, options, message) => {
    const page = await open(ordinary);
    const running = page.evaluate(([given, wanted, request]) => globalThis.generate(given, wanted, request), [
      model,
      options,
      REQUEST,
    ] as const);
    await expect(running).rejects.toThrow(message);
  });

  test(
    'runs a bundle on WebGPU: the float graphs over the integer weights, as Node runs them',
    FULL,
    async () => {
      ordinary.requests.length = 0;
      const page = await open(ordinary);
      const outcome = await page.evaluate(
        (given) => globalThis.generate('/bundle/', { device: 'webgpu' }, given),
        REQUEST,
      );
      expect(outcome).toMatchObject({
        backend: 'web-webgpu',
        precision: 'float32',
        adapter: 'google swiftshader',
      });
      const fetched = ordinary.requests.filter((request) => /full|cached/.test(request));
      expect(fetched.every((request) => request.endsWith('.float32.onnx'))).toBe(true);
      const inNode = createBundleGenerator({
        storage: made.out,
        runtime: made.runtime,
        precision: 'float32',
      });
      expect(await agreement(inNode, REQUEST, outcome.rgb)).toBeGreaterThan(50);
      // Graphics in software compiles every shader, and then computes on a processor that others use too.
    },
  );

  test('preflight says what would run, what it takes, and what stands in the way', async () => {
    ordinary.requests.length = 0;
    const page = await open(ordinary);
    const look = (options: PreflightOptions) =>
      page.evaluate((given) => globalThis.lookAhead('/bundle/', given), options);
    const usual = await look({});
    expect(usual).toMatchObject({ works: true, backend: 'wasm', crossOriginIsolated: false });
    expect(usual.findings.map(({ message }) => message)).toEqual([
      'The page is not cross-origin isolated, so WebAssembly has one thread.',
    ]);
    const { files } = made.summary.manifest;
    const all = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(usual.modelBytes).toBeGreaterThan(files['text_encoder/model.onnx']!.bytes);
    expect(usual.modelBytes).toBeLessThan(all);
    const gpu = await look({ device: 'webgpu' });
    expect(gpu).toMatchObject({ works: true, backend: 'webgpu', precision: 'float32' });
    expect(gpu.findings.some(({ message }) => message.includes('computed by the processor'))).toBe(true);
    const half = await look({ device: 'webgpu', precision: 'float16' });
    expect(half).toMatchObject({ works: false, backend: undefined });
    expect(await look({ threads: 2 })).toMatchObject({ works: false });
    const fetched = ordinary.requests.filter((request) => /GET \/bundle/.test(request));
    expect(new Set(fetched)).toEqual(new Set(['GET /bundle/cachequant.json']));
  });

  /** A page of a browser that has no WebGPU. */
  async function openWithoutGpu() {
    const context = await browser.newContext();
    await context.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
    const page = await context.newPage();
    await page.goto(ordinary.url);
    await page.waitForFunction(() => typeof globalThis.generate === 'function');
    return page;
  }

  test('refuses WebGPU where there is none, before anything of the model is fetched', async () => {
    const page = await openWithoutGpu();
    ordinary.requests.length = 0;
    const running = page.evaluate(
      (given) => globalThis.generate('/bundle/', { device: 'webgpu' }, given),
      REQUEST,
    );
    await expect(running).rejects.toThrow(/no WebGPU adapter/);
    expect(ordinary.requests.filter((request) => /\.(onnx|bin)$/.test(request))).toEqual([]);
    const found = await page.evaluate(() => globalThis.lookAhead('/bundle/', { device: 'webgpu' }));
    expect(found).toMatchObject({ works: false, backend: undefined });
  });

  test('falls back with leave', async () => {
    const page = await openWithoutGpu();
    const options = { device: 'webgpu', allowFallback: true } as const;
    const request = { ...REQUEST, steps: 1 };
    const outcome = await page.evaluate(([wanted, given]) => globalThis.generate('/model/', wanted, given), [
      options,
      request,
    ] as const);
    expect(outcome.backend).toBe('web-wasm');
  });
}
