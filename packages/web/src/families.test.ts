import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { psnr } from '@cachequant/evaluate';
import { type OptimizeOptions, optimize } from '@cachequant/optimizer';
import { createBundleGenerator, type GenerationRequest } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime, Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPages } from '../../../scripts/browser/build-pages.mjs';
import { findChromium, launchChromium, missingChromium } from '../../../scripts/browser/chromium.mjs';
import { type Serving, serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import { unknownFamily, unknownModel } from '../../optimizer/src/__fixtures__/unknown-family.js';
import { modelStorage } from '../../pipeline/src/__fixtures__/models.js';
import { tinyMask, tinyPicture } from '../../pipeline/src/__fixtures__/tiny-pictures.js';
import type {} from './__fixtures__/vite/main.js';

/** As little as makes a bundle with both graphs. */
const RUN = {
  steps: 4,
  interval: 2,
  calibrationImages: 1,
  verificationImages: 1,
  offCalibrationImages: 0,
  schedule: 'uniform',
  cacheCorrection: 'forecast',
  layers: 'all',
  components: 'keep',
  bits: 'none',
} as const satisfies OptimizeOptions;
const PROMPTS = { prompts: ['a red shoe', 'a fox'] };
const PROMPT = { prompt: 'a red shoe, 1950s, naïve', seed: 4 };

interface WebFamily {
  readonly source: () => Promise<Storage> | Storage;
  readonly options?: OptimizeOptions;
  readonly request?: GenerationRequest;
  readonly families?: Parameters<typeof optimize>[0]['families'];
  /** Left to the full run, since another family has the same kinds of inputs. */
  readonly slow?: true;
}

const FAMILIES: Readonly<Record<string, WebFamily>> = {
  'Stable Diffusion XL': { source: () => modelStorage('tiny/sdxl'), options: PROMPTS },
  'Stable Diffusion 3': { source: () => modelStorage('tiny/sd3'), options: PROMPTS },
  'FLUX.1 dev': {
    source: () => modelStorage('tiny/flux-dev'),
    options: { ...PROMPTS, width: 32, height: 24 },
    slow: true,
  },
  'PixArt-α': {
    source: () => modelStorage('tiny/pixart-alpha'),
    options: { ...PROMPTS, width: 24, height: 32 },
    slow: true,
  },
  'PixArt-Σ': {
    source: () => modelStorage('tiny/pixart-sigma'),
    options: { ...PROMPTS, width: 24, height: 32 },
    slow: true,
  },
  DiT: {
    source: () => modelStorage('tiny/dit-pipeline'),
    options: { classLabels: [1] },
    request: { classLabel: 1, seed: 4 },
  },
  'LDM, text': { source: () => modelStorage('tiny/ldm-text'), options: PROMPTS, slow: true },
  'LDM, unconditional': { source: () => modelStorage('tiny/ldm'), request: { seed: 4 }, slow: true },
  'LDM, classes': {
    source: () => modelStorage('tiny/ldm-class'),
    options: { classLabels: [1] },
    request: { classLabel: 1, seed: 4 },
  },
  DDPM: { source: () => modelStorage('tiny/ddpm'), request: { seed: 4 } },
  inpainting: {
    source: () => modelStorage('tiny/sd-inpainting'),
    options: PROMPTS,
    request: { ...PROMPT, image: tinyPicture, mask: tinyMask },
  },
  LCM: { source: () => modelStorage('tiny/lcm'), options: { ...PROMPTS, interval: 1 }, slow: true },
  'a family that nobody knows': { source: unknownModel, options: PROMPTS, families: [unknownFamily] },
};

if (findChromium()) describe('createGenerator in Chromium', { timeout: 600_000 }, inChromium);
else {
  test('the tests in Chromium need it', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

function inChromium() {
  let folder: string;
  let runtime: Runtime;
  let browser: Browser;
  let serving: Serving;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cachequant-families-'));
    const root = fileURLToPath(new URL('__fixtures__/vite', import.meta.url));
    const [opened, site, made] = await Promise.all([
      launchChromium(),
      buildPages(root, ['index.html']),
      createNodeRuntime({ threads: 1 }),
    ]);
    [browser, runtime] = [opened, made];
    serving = await serveFolders({ folders: { '/': site, '/bundles/': folder } });
    page = await browser.newPage();
    await page.goto(serving.url);
    await page.waitForFunction(() => typeof globalThis.draw === 'function');
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await serving?.close();
    await runtime?.dispose();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function makeBundle(name: string, { source, options, families }: WebFamily, more?: OptimizeOptions) {
    const out = nodeStorage(join(folder, name));
    await optimize({
      source: await source(),
      work: memoryStorage(),
      out,
      runtime,
      options: { ...RUN, ...options, ...more },
      ...(families && { families }),
    });
    return out;
  }

  async function inNode(storage: Storage, request: GenerationRequest) {
    const generator = await createBundleGenerator({ storage, runtime });
    try {
      return (await generator.generate(request)).images[0]!;
    } finally {
      await generator.dispose();
    }
  }

  /** Pictures go over as plain numbers. */
  function onPage(name: string, { image, mask, ...request }: GenerationRequest): Promise<number[]> {
    const pictures = Object.fromEntries(
      Object.entries({ image, mask }).flatMap(([key, picture]) =>
        picture ? [[key, { ...picture, rgb: [...picture.rgb] }]] : [],
      ),
    );
    const asked = { ...request, ...(image && { pictures }) } as Omit<GenerationRequest, 'image' | 'mask'>;
    return page.evaluate(([model, given]) => globalThis.draw(model, {}, given), [
      `/bundles/${name}/`,
      asked,
    ] as const);
  }

  for (const [name, family] of Object.entries(FAMILIES)) {
    const tags = family.slow ? ['full'] : [];
    test(`makes the pictures that Node makes: ${name}`, { tags }, async () => {
      const { request = PROMPT } = family;
      const folderName = name.replaceAll(/[^\w]/g, '-');
      const storage = await makeBundle(folderName, family);
      const expected = await inNode(storage, request);
      const rgb = await onPage(folderName, request);
      const largest = rgb.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.rgb[i]!)), 0);
      expect([rgb.length, largest <= 1]).toEqual([expected.rgb.length, true]);
    });
  }

  test('rounds integers as well as Node does: Stable Diffusion XL', async () => {
    const storage = await makeBundle('integers', FAMILIES['Stable Diffusion XL']!, { bits: 'w8a8' });
    const expected = await inNode(storage, PROMPT);
    const rgb = Uint8Array.from(await onPage('integers', PROMPT));
    // Backends round values at the border of two levels apart; another picture is at 10 dB.
    expect(psnr(expected, { ...expected, rgb })).toBeGreaterThan(30);
  });

  test.each<[string, string, GenerationRequest, RegExp]>([
    ['a class that there is none of', 'LDM--classes', { classLabel: 10_000, seed: 4 }, /no such class/],
    ['a prompt of a model without text', 'DDPM', PROMPT, /takes no text/],
    ['a model for inpainting without a mask', 'inpainting', { ...PROMPT, image: tinyPicture }, /mask/],
  ])('refuses %s', async (_, name, request, message) => {
    await expect(onPage(name, request)).rejects.toThrow(message);
  });
}
