// @ts-check
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { launchChromium } from '../../../scripts/browser/chromium.mjs';
import { serveFolders } from '../../../scripts/browser/serve-folders.mjs';
import { repository, site } from './paths.mjs';

/** Pictures of the studio in each of its states, in out/studio/screenshots, for people to look at; two for the README. */
const images = path.join(repository, 'docs/images');
const folder = path.join(repository, 'out/studio/screenshots');
await mkdir(folder, { recursive: true });
const server = await serveFolders({ folders: { '/': site } });
const browser = await launchChromium();

/** @param {import('playwright-core').BrowserContextOptions} options */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && console.log('console:', message.text()));
  page.on('pageerror', (error) => console.log('page:', error.message));
  await page.goto(server.url);
  await page.waitForSelector('#interval:not(:disabled)', { timeout: 240_000 });
  return page;
}

/** @param {import('playwright-core').Page} page */
async function generate(page) {
  await page.click('#go');
  await page.waitForFunction(() => document.querySelector('#fact-speed')?.textContent !== '–', undefined, {
    timeout: 240_000,
  });
}

const wide = { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 1 };
const page = await open({ ...wide, colorScheme: 'light' });
await page.screenshot({ path: path.join(folder, 'opened.png'), fullPage: true });
await page.click('#go');
await page.waitForFunction(
  () => /call (2|3)\d/.test(document.querySelector('#card-original .calls')?.textContent ?? ''),
  undefined,
  { timeout: 240_000 },
);
await page.screenshot({ path: path.join(folder, 'running-original.png') });
await page.waitForFunction(
  () => /call (2|3)\d/.test(document.querySelector('#card-bundle .calls')?.textContent ?? ''),
  undefined,
  { timeout: 240_000 },
);
await page.screenshot({ path: path.join(folder, 'running-bundle.png'), fullPage: true });
await page.waitForFunction(() => document.querySelector('#fact-speed')?.textContent !== '–', undefined, {
  timeout: 240_000,
});
await page.screenshot({ path: path.join(folder, 'done-light.png'), fullPage: true });
await page.screenshot({
  path: path.join(images, 'studio.png'),
  fullPage: true,
  clip: { x: 90, y: 0, width: 1100, height: 1370 },
});
await page.emulateMedia({ colorScheme: 'dark' });
await page.screenshot({ path: path.join(folder, 'done-dark.png'), fullPage: true });
await page.emulateMedia({ colorScheme: 'light' });
await page.fill('#interval', '9');
await page.check('[name=correction][value=none]');
await page.screenshot({ path: path.join(folder, 'replanned.png'), fullPage: true });
await generate(page);
await page.screenshot({ path: path.join(folder, 'replanned-done.png'), fullPage: true });
await page.fill('#address', `${server.url}models/nothing/`);
await page.press('#address', 'Enter');
await page.waitForSelector('#notice:not([hidden])');
await page.screenshot({ path: path.join(folder, 'notice.png') });
await page.context().close();

const phone = await open({
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  colorScheme: 'dark',
  isMobile: true,
  hasTouch: true,
});
await phone.screenshot({ path: path.join(folder, 'phone-opened.png') });
await generate(phone);
await phone.screenshot({ path: path.join(folder, 'phone-done.png'), fullPage: true });
await phone.screenshot({ path: path.join(images, 'studio-phone.png'), scale: 'css' });
console.log(
  'wider than the screen:',
  await phone.evaluate(() => document.documentElement.scrollWidth > innerWidth),
);

await browser.close();
await server.close();
console.log(`written to ${folder}`);
