import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findChromium, launchChromium, missingChromium } from '../../../scripts/browser/chromium.mjs';
import { type FakeModelOptions, fakeModel } from './__fixtures__/fake-model.js';
import { gate, postJson, startServer } from './__fixtures__/start-server.js';
import type { PictureServerOptions } from './server.js';

if (findChromium() !== undefined) describe('the page in Chromium', inChromium);
else {
  test('the page in Chromium', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

function inChromium() {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  }, 60_000);

  afterAll(() => browser.close());

  async function open(model: FakeModelOptions = {}, options: Partial<PictureServerOptions> = {}) {
    const fashion = fakeModel('fashion', model);
    const { url, ...started } = await startServer({ models: [fashion, fakeModel('other')], ...options });
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('status of')) problems.push(message.text());
    });
    await page.goto(url);
    return { page, url, fashion, problems, ...started };
  }

  const captions = (page: Page) => page.locator('figcaption').allTextContents();

  test('draws what the form says', async () => {
    const { page, fashion, problems } = await open();
    await page.waitForFunction(() => document.querySelectorAll('#model option').length === 2);
    await page.getByLabel('Prompt', { exact: true }).fill('a red sneaker');
    await page.getByLabel('Negative prompt').fill('blue');
    await page.getByLabel('Pictures').fill('2');
    await page.getByLabel('Seed').fill('7');
    await page.getByLabel('Steps').fill('3');
    await page.getByLabel('Size').fill('32x24');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByText('Seed 8, 32x24.').waitFor();
    expect(await captions(page)).toEqual(['Seed 7, 32x24.', 'Seed 8, 32x24.']);
    expect(fashion.requests.map(({ onStep, signal, ...fields }) => fields)[0]).toEqual({
      prompt: 'a red sneaker',
      negativePrompt: 'blue',
      seed: 7,
      steps: 3,
      width: 32,
      height: 24,
    });
    const sizes = await page
      .locator('figure img')
      .evaluateAll((images) =>
        (images as HTMLImageElement[]).map(({ naturalWidth, naturalHeight }) => [
          naturalWidth,
          naturalHeight,
        ]),
      );
    expect(sizes).toEqual([
      [32, 24],
      [32, 24],
    ]);
    expect(problems).toEqual([]);
  });

  test('shows the unfinished picture and the queue, and cancels', async () => {
    const door = gate();
    const { page, url, log } = await open({ beforeCall: (call) => (call === 2 ? door.wait() : undefined) });
    await page.getByLabel('Prompt', { exact: true }).fill('x');
    await page.getByRole('button', { name: 'Generate' }).click();
    await door.reached;
    const other = postJson(`${url}/v1/images/generations`, { prompt: 'y', n: 3 });
    await page.getByText('Yours: 1 picture by fashion, being generated').waitFor();
    await page.getByText('3 pictures by fashion, waiting').waitFor();
    await page.getByText('call 2 of 4').waitFor();
    await page.getByText('Ready · 1 of 16 places taken').waitFor();
    expect(await captions(page)).toEqual(['Generating…']);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled.').waitFor();
    await vi.waitUntil(() => log().some(({ status }) => status === 499), { timeout: 30_000 });
    door.open();
    expect((await other).status).toBe(200);
    expect(log().filter(({ msg }) => msg === 'not drawn')).toMatchObject([{ stopped: true }]);
    expect(await page.getByRole('button', { name: 'Generate' }).isEnabled()).toBe(true);
  });

  test('says what went wrong', async () => {
    const { page } = await open();
    await page.getByLabel('Size').fill('17x16');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByText('the model cannot make this size').waitFor();
  });

  test('asks for a key where there must be one', async () => {
    const { page, log } = await open({}, { apiKeys: ['right'] });
    await page.getByText('The API key is missing or wrong.').waitFor();
    await page.getByText('Ready · asks for a key').waitFor();
    // It looks at the queue every second, but not without a key.
    await page.waitForTimeout(2200);
    expect(log().filter(({ status }) => status === 401).length).toBeLessThanOrEqual(2);
    await page.getByLabel('API key').fill('right');
    await page.getByLabel('API key').blur();
    await page.waitForFunction(() => document.querySelectorAll('#model option').length === 2);
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByText(/^Seed \d+, 16x16\.$/).waitFor();
  });

  test.each([390, 1280])('fits %i pixels of width', async (width) => {
    const { page } = await open();
    await page.setViewportSize({ width, height: 844 });
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByText(/^Seed \d+, 16x16\.$/).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });
}
