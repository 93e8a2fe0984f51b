import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OptimizeOptions } from '@cachequant/optimizer';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type OptimizedModel,
  optimizedModel,
} from '../../../packages/optimizer/src/__fixtures__/optimized-model.js';
import {
  findChromium,
  launchChromium,
  missingChromium,
  softwareGpu,
} from '../../../scripts/browser/chromium.mjs';
import { type Serving, serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import { buildSite } from '../tools/build.mjs';
import { bytesByPart } from '../tools/first-visit.mjs';

// Two processors that do other things as well take their time.
vi.setConfig({ testTimeout: 180_000 });
/** For minutes on a processor without VNNI: a model of the site's size, a graphics card in software, pictures in turn. */
const FULL = { tags: 'full', timeout: 600_000 };

/** Nine calls and three refreshes: enough to stop halfway, few enough for a graphics card in software. */
const QUICK_RUN = {
  steps: 8,
  interval: 3,
  guidanceScale: 4,
  calibrationImages: 1,
  verificationImages: 1,
  prompts: ['a red sneaker'],
  schedule: 'uniform',
  cacheCorrection: 'forecast',
  layers: 'all',
  components: 'keep',
} satisfies OptimizeOptions;
/** As few calls of the site's own model as draw a picture. */
const EMOJI_RUN = {
  ...QUICK_RUN,
  steps: 4,
  interval: 2,
  guidanceScale: 3,
  prompts: ['a burger', 'a fox on green'],
  components: 'auto',
} satisfies OptimizeOptions;
/** What the model of the tests knows. */
const PROMPT = 'a photo of a red sneaker';
const FASHION = fileURLToPath(new URL('../../../models/fashion-sd', import.meta.url));

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const sizeOf = (canvas: Element) => [
  (canvas as HTMLCanvasElement).width,
  (canvas as HTMLCanvasElement).height,
];

const budget = JSON.parse(readFileSync(new URL('../budget.json', import.meta.url), 'utf8'));

if (findChromium() !== undefined) describe('the studio in Chromium', inChromium);
else {
  test('the tests in Chromium need it', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

function inChromium() {
  const site = mkdtempSync(path.join(tmpdir(), 'cachequant-studio-'));
  let browser: Browser;
  let made: OptimizedModel[];
  let server: Serving;
  let isolated: Serving;

  beforeAll(async () => {
    made = [await optimizedModel(QUICK_RUN), await optimizedModel({ ...QUICK_RUN, bits: 'none' })];
    const [integers, float] = made.map(({ out }) => path.dirname(out.locate!('cachequant.json')!));
    const bundles = [
      { name: 'integers', title: '8-bit integers', folder: integers! },
      { name: 'float', title: '32-bit float', folder: float! },
    ];
    await buildSite({ bundles, site, original: FASHION });
    browser = await launchChromium();
    server = await serveFolders({ folders: { '/': site } });
    isolated = await serveFolders({ folders: { '/': site }, isolated: true });
  }, 400_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await isolated?.close();
    for (const each of made ?? []) await each.dispose();
    rmSync(site, { recursive: true, force: true });
  });

  /** The studio, ready; it fails the test when the page asks another host, or throws. */
  async function open(at = server, visitor?: BrowserContext): Promise<Page> {
    const context = visitor ?? (await browser.newContext());
    const page = await context.newPage();
    page.on('pageerror', (error) => expect.unreachable(error.message));
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url())) expect(`${new URL(request.url()).origin}/`).toBe(at.url);
    });
    await page.goto(at.url);
    await page.waitForSelector('#interval:not(:disabled)');
    await page.fill('#prompt', PROMPT);
    return page;
  }

  const textOf = (page: Page, selector: string) => page.textContent(selector);
  const colours = (page: Page, card: string) =>
    page.$eval(`#card-${card} canvas`, (canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
  /** Makes pictures; fails with what the page says when it cannot. */
  async function generate(page: Page): Promise<void> {
    await page.click('#go:not(.stop)');
    await finished(page);
  }
  async function finished(page: Page): Promise<void> {
    await page.waitForFunction(
      () =>
        document.querySelector('#fact-calls')!.textContent !== '–' ||
        !(document.querySelector('#notice') as HTMLElement).hidden,
      undefined,
      { timeout: 120_000 },
    );
    expect(await textOf(page, '#notice')).toBe('');
  }

  test('makes both pictures on WebAssembly, one after the other, and compares them', async () => {
    const page = await open();
    const order: string[] = [];
    await page.exposeFunction('record', (card: string) => order.push(card));
    await page.evaluate(() => {
      for (const card of ['original', 'bundle']) {
        const record = (globalThis as unknown as { record: (card: string) => void }).record;
        const calls = document.querySelector(`#card-${card} .calls`)!;
        new MutationObserver(() => calls.textContent!.startsWith('call') && record(card)).observe(calls, {
          childList: true,
        });
      }
    });
    await generate(page);
    expect(await textOf(page, '#backend')).toBe('WebAssembly, 1 thread');
    expect(order.join(' ')).toMatch(/^(original ){2,}(bundle ?){2,}$/);
    expect(await colours(page, 'original')).toBeGreaterThan(50);
    expect(await colours(page, 'bundle')).toBeGreaterThan(50);
    expect(await textOf(page, '#fact-calls')).toBe('6 / 9');
    expect(await textOf(page, '#fact-speed')).toMatch(/^\d+\.\d×$/);
    expect(Number.parseFloat((await textOf(page, '#fact-psnr'))!)).toBeGreaterThan(15);
    expect(await page.$$eval('#timeline i.lit', (cells) => cells.length)).toBe(9);
    expect(await page.$eval('#timeline polyline', (line) => line.getAttribute('points'))).toMatch(
      /^[\d., ]+$/,
    );
  });

  test('draws an emoji with the site’s own model, and a first visit stays in its budget', FULL, async () => {
    const emoji = await optimizedModel(EMOJI_RUN, { name: 'emoji-sd' });
    const own = path.join(site, '../', `${path.basename(site)}-emoji`);
    try {
      const folder = path.dirname(emoji.out.locate!('cachequant.json')!);
      await buildSite({ bundles: [{ name: 'integers', title: '8-bit integers', folder }], site: own });
      const serving = await serveFolders({ folders: { '/': own } });
      const page = await (await browser.newContext()).newPage();
      await page.goto(serving.url);
      await page.waitForSelector('#interval:not(:disabled)');
      await generate(page);
      expect(await textOf(page, '#fact-calls')).toBe('2 / 4');
      expect(await page.$eval('#card-bundle canvas', (canvas) => canvas.getAttribute('aria-label'))).toBe(
        'CacheQuant: a fox on green, seed 7',
      );
      expect(await page.$eval('#card-bundle canvas', sizeOf)).toEqual([128, 128]);
      const bytes = bytesByPart(serving.requests, own);
      for (const [part, most] of Object.entries<number>(budget)) {
        expect(bytes[part as keyof typeof bytes], part).toBeGreaterThan(most / 4);
        expect(bytes[part as keyof typeof bytes], part).toBeLessThan(most);
      }
      await serving.close();
    } finally {
      await emoji.dispose();
      rmSync(own, { recursive: true, force: true });
    }
  });

  test('uses threads where the page is isolated, and replans from the moments of the bundle', async () => {
    const page = await open(isolated);
    await generate(page);
    expect(await textOf(page, '#backend')).toMatch(/^WebAssembly, [2-4] threads$/);
    const before = await textOf(page, '#fact-psnr');
    await page.fill('#interval', '2');
    expect(await textOf(page, '#plan-text')).toMatch(
      /^4 refreshes, 5 of 9 calls from the cache.*expected.*Generate/,
    );
    expect(await page.$$eval('#timeline i.full', (cells) => cells.length)).toBe(4);
    await generate(page);
    expect(await textOf(page, '#fact-calls')).toBe('5 / 9');
    expect(await textOf(page, '#fact-psnr')).not.toBe(before);
    await page.click('#plan-reset');
    await generate(page);
    expect(await textOf(page, '#fact-psnr')).toBe(before);
  });

  test('computes in float on WebGPU', FULL, async () => {
    const withGpu = await launchChromium(softwareGpu);
    try {
      const page = await open(server, await withGpu.newContext());
      await page.selectOption('#device', 'webgpu');
      await page.check('[name=bits][value=float]');
      await page.waitForFunction(() =>
        /float/.test(document.querySelector('#card-bundle .what')!.textContent!),
      );
      await page.click('#go:not(.stop)');
      // A graphics card in software takes seconds a call: a few of them show that it computes.
      await page.waitForFunction(
        () => /^call [2-9]|calls$/.test(document.querySelector('#card-original .calls')!.textContent!),
        undefined,
        { timeout: 450_000 },
      );
      expect(await textOf(page, '#backend')).toBe('WebGPU');
      expect(await textOf(page, '#notice')).toBe('');
      expect(await colours(page, 'original')).toBeGreaterThan(50);
    } finally {
      await withGpu.close();
    }
  });

  test('says what it does before the first call, and warns of words that the model does not know', async () => {
    const page = await open();
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(globalThis, { said });
      const calls = document.querySelector('#card-original .calls')!;
      new MutationObserver(() => said.push(calls.textContent!)).observe(calls, { childList: true });
    });
    await page.fill('#prompt', `${PROMPT} ${'and another one '.repeat(12)}`);
    await generate(page);
    const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
    const before = said.slice(
      0,
      said.findIndex((text) => text.startsWith('call ')),
    );
    expect(before).toEqual(
      expect.arrayContaining(['starting the runtime', 'loading the networks', 'warming up']),
    );
    expect(await textOf(page, '#warnings')).toMatch(/another/);
    await page.fill('#prompt', PROMPT);
    await generate(page);
    expect(await textOf(page, '#warnings')).not.toMatch(/another/);
  });

  test(
    'measures again, the bundle first and the original first in turn, and shows the median',
    FULL,
    async () => {
      const page = await open();
      await generate(page);
      expect(await textOf(page, '#fact-runs')).toMatch(/one pair/);
      await page.evaluate(() => {
        const order: string[] = [];
        Object.assign(globalThis, { order });
        for (const card of ['original', 'bundle']) {
          const calls = document.querySelector(`#card-${card} .calls`)!;
          const record = () => calls.textContent!.startsWith('call 1 ') && order.push(card);
          new MutationObserver(record).observe(calls, { childList: true });
        }
      });
      await page.click('#repeat');
      await page.waitForFunction(() => /4 pairs/.test(document.querySelector('#fact-runs')!.textContent!));
      await page.waitForSelector('#go:not(.stop)');
      expect(await page.evaluate(() => (globalThis as unknown as { order: string[] }).order)).toEqual([
        'bundle',
        'original',
        'original',
        'bundle',
        'bundle',
        'original',
      ]);
      expect(await textOf(page, '#fact-runs')).toMatch(/^median of 4 pairs, \d+\.\d× to \d+\.\d×$/);
      await page.fill('#seed', '8');
      await generate(page);
      expect(await textOf(page, '#fact-runs')).toMatch(/one pair/);
    },
  );

  test('has nothing that axe finds wrong, before a picture and after one', async () => {
    const visitor = await browser.newContext({ bypassCSP: true });
    const page = await open(server, visitor);
    await page.evaluate(axe.source);
    const violations = () =>
      page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
      });
    expect(await violations()).toEqual([]);
    await generate(page);
    expect(await violations()).toEqual([]);
  });

  test('stops halfway, and makes the next picture', async () => {
    const page = await open();
    await page.click('#go');
    await page.waitForFunction(() =>
      /^call [2-8]/.test(document.querySelector('#card-original .calls')!.textContent!),
    );
    await page.click('#go.stop');
    await page.waitForSelector('#go:not(.stop)');
    expect(await textOf(page, '#status')).toBe('Stopped.');
    expect(await textOf(page, '#card-original .clock')).toBe('–');
    expect(await textOf(page, '#fact-calls')).toBe('–');
    await generate(page);
    expect(await textOf(page, '#fact-calls')).toBe('6 / 9');
  });

  test('says in words what is wrong with a folder, and goes on with the bundle that it had', async () => {
    const page = await open();
    for (const [files, words] of [
      [{ 'notes.txt': 'hello' }, /no bundle in there.*“<img src=x>”.*cachequant\.json/],
      [{ 'cachequant.json': '{"formatVersion":' }, /cannot be used.*not JSON.*Optimize/],
      [{ 'cachequant.json': '{"formatVersion": 99}' }, /newer version.*Update/],
    ] as const) {
      await drop(page, '<img src=x>', files);
      await page.waitForSelector('#notice:not([hidden])');
      expect(await textOf(page, '#notice')).toMatch(words);
      expect(await page.$('#notice img')).toBeNull();
      await page.click('#notice button');
      await page.waitForSelector('#notice', { state: 'hidden' });
    }
    await generate(page);
    expect(await textOf(page, '#fact-calls')).toBe('6 / 9');
  });

  test('says so when nothing is at an address, and opens a bundle that is', async () => {
    const page = await open();
    await page.fill('#address', `${server.url}nothing/`);
    await page.press('#address', 'Enter');
    await page.waitForSelector('#notice:not([hidden])');
    expect(await textOf(page, '#notice')).toMatch(/no model at this address/);
    await page.fill('#address', `${server.url}models/float/`);
    await page.press('#address', 'Enter');
    await page.waitForFunction(() =>
      document.querySelector('#bundle-name')!.textContent!.startsWith('float,'),
    );
    await generate(page);
    expect(await textOf(page, '#card-bundle .what')).toMatch(/^32-bit float/);
  });

  test('reloads and computes without a network once it is kept, and is isolated then', async () => {
    const own = await serveFolders({ folders: { '/': site } });
    const page = await open(own);
    await generate(page);
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
    await Promise.all([page.waitForEvent('load'), page.check('#offline')]);
    await page.waitForSelector('#interval:not(:disabled)');
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
    await own.close();
    await page.reload();
    // What was not opened before is here too: the other bundle, and what schedules are planned from.
    await page.waitForSelector('#interval:not(:disabled)');
    await generate(page);
    expect(await textOf(page, '#fact-calls')).toBe('6 / 9');
    await page.fill('#interval', '2');
    await generate(page);
    expect(await textOf(page, '#fact-calls')).toBe('5 / 9');
    await page.check('[name=bits][value=float]');
    await page.waitForFunction(() =>
      /float/.test(document.querySelector('#card-bundle .what')!.textContent!),
    );
    await generate(page);
    expect(await textOf(page, '#notice')).toBe('');
  });

  test('is usable by keyboard, named for screen readers, and not wider than a phone', async () => {
    const visitor = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const page = await open(server, visitor);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await page.focus('#prompt');
    await page.keyboard.press('Enter');
    await finished(page);
    expect(await page.getAttribute('#card-bundle canvas', 'aria-label')).toBe(
      `CacheQuant: ${PROMPT}, seed 7`,
    );
    const unnamed = await page.$$eval('button, input:not([hidden]), select', (controls) =>
      controls
        .filter((control) => {
          const labels = (control as HTMLInputElement).labels?.length ?? 0;
          return labels === 0 && !control.textContent?.trim() && !control.getAttribute('aria-label');
        })
        .map(({ id }) => id),
    );
    expect(unnamed).toEqual([]);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await generate(page);
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(height);
  });

  /** Drops a folder of text files on the page, as a browser would hand it over. */
  async function drop(page: Page, name: string, files: Readonly<Record<string, string>>): Promise<void> {
    await page.evaluate(
      ([folder, contents]) => {
        const children = Object.entries(contents).map(([file, text]) => ({
          name: file,
          isFile: true,
          isDirectory: false,
          fullPath: `/${folder}/${file}`,
          file: (done: (file: File) => void) => done(new File([text], file)),
        }));
        let left = [...children];
        const entry = {
          name: folder,
          isFile: false,
          isDirectory: true,
          createReader: () => ({
            readEntries: (done: (entries: unknown[]) => void) => {
              done(left);
              left = [];
            },
          }),
        };
        const event = new Event('drop', { bubbles: true, cancelable: true });
        Object.defineProperty(event, 'dataTransfer', {
          value: { items: [{ webkitGetAsEntry: () => entry }] },
        });
        document.body.dispatchEvent(event);
      },
      [name, files] as const,
    );
  }
}
