import { fileURLToPath } from 'node:url';
import { psnr } from '@cachequant/evaluate';
import { createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { expect, test } from 'vitest';
import { buildPages } from '../../../../scripts/browser/build-pages.mjs';
import { findChromium, launchChromium, missingChromium } from '../../../../scripts/browser/chromium.mjs';
import { serveFolders } from '../../../../scripts/browser/serve-folders.mjs';

const here = (place: string) => fileURLToPath(new URL(place, import.meta.url));
const MODEL = here('../../../../models/fashion-sd');

async function imageInNode() {
  const runtime = await createNodeRuntime();
  const generator = await createGenerator({ storage: nodeStorage(MODEL), runtime });
  const request = { prompt: 'a photo of a red sneaker', seed: 7, steps: 2, guidanceScale: 4 };
  const { images } = await generator.generate(request);
  await generator.dispose();
  await runtime.dispose();
  return images[0]!;
}

test('browser/basic.html generates a picture in Chromium', async (context) => {
  if (findChromium() === undefined) {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  }
  const site = await buildPages(here('.'), ['basic.html']);
  const serving = await serveFolders({ folders: { '/': site, '/model/': MODEL } });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${serving.url}basic.html`);
    await page.getByText('done on web-wasm').waitFor({ timeout: 120_000 });
    const rgba = await page.evaluate(() => {
      const canvas = document.querySelector('canvas')!;
      const { width, height } = canvas;
      return [...canvas.getContext('2d')!.getImageData(0, 0, width, height).data];
    });
    const { rgb } = await imageInNode();
    const drawn = Uint8Array.from(rgba.filter((_, i) => i % 4 !== 3));
    expect(psnr({ width: 32, height: 32, rgb }, { width: 32, height: 32, rgb: drawn })).toBeGreaterThan(40);
  } finally {
    await browser.close();
    await serving.close();
  }
}, 600_000);
