import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, launchChromium, missingChromium } from '../../../scripts/browser/chromium.mjs';
import { type Serving, serveFolders } from '../../../scripts/browser/serve-folders.mjs';

const PAGE =
  '<input type="checkbox" id="offline"><span id="offline-text"></span><script src="page.js"></script>';
const OTHER_WORKER = "self.addEventListener('install', () => self.skipWaiting());";

if (findChromium() !== undefined) describe('the offline switch on an origin with other sites', inChromium);
else {
  test('the offline switch on an origin with other sites', (context) => {
    if (process.env.CI) throw new Error(missingChromium);
    context.skip(missingChromium);
  });
}

function inChromium(): void {
  let site: string;
  let server: Serving;
  let browser: Browser;

  beforeAll(async () => {
    site = mkdtempSync(path.join(tmpdir(), 'cachequant-offline-'));
    for (const folder of ['studio', 'other', 'studio/second']) mkdirSync(path.join(site, folder));
    const { outputFiles } = await build({
      stdin: {
        contents:
          "import { offlineSwitch } from './offline.js'; offlineSwitch({ keepModels: async () => {}, onError: console.error }).then(() => (globalThis.ready = true));",
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      },
      bundle: true,
      write: false,
    });
    for (const folder of ['studio', 'studio/second']) {
      writeFileSync(path.join(site, folder, 'index.html'), PAGE);
      writeFileSync(path.join(site, folder, 'page.js'), outputFiles[0]!.contents);
    }
    for (const folder of ['.', 'other']) {
      writeFileSync(path.join(site, folder, 'index.html'), '<title>another site</title>');
      writeFileSync(path.join(site, folder, 'sw.js'), OTHER_WORKER);
    }
    publish('1');
    server = await serveFolders({ folders: { '/': site } });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(site, { recursive: true });
  });

  /** As the build fills it in. */
  function publish(version: string, folders = ['studio', 'studio/second']): void {
    const source = readFileSync(new URL('../service-worker/sw.js', import.meta.url), 'utf8');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source has it so
    const filled = source.replace("${'VERSION'}", version).replace("['FILES']", "['./']");
    for (const folder of folders) writeFileSync(path.join(site, folder, 'sw.js'), filled);
  }

  async function visit(page: Page, address: string): Promise<void> {
    await page.goto(`${server.url}${address}`);
    if (address.startsWith('studio')) await page.waitForFunction(() => 'ready' in globalThis);
  }

  /** What there is on the origin, by the end of each name. */
  function kept(page: Page): Promise<{ caches: string[]; workers: string[] }> {
    return page.evaluate(async () => {
      const registrations = await navigator.serviceWorker.getRegistrations();
      return {
        caches: (await caches.keys()).map((name) => name.replace(location.origin, '')).sort(),
        workers: registrations.map(({ scope }) => scope.replace(location.origin, '')).sort(),
      };
    });
  }

  async function setSwitch(page: Page, on: boolean): Promise<void> {
    await Promise.all([page.waitForEvent('load'), page.setChecked('#offline', on)]);
    await page.waitForFunction(() => 'ready' in globalThis);
  }

  test('keeps, renews and forgets its own, and nothing of the others', async () => {
    const page = await (await browser.newContext()).newPage();
    for (const address of ['', 'other/']) {
      await visit(page, address);
      await page.evaluate(async () => {
        await navigator.serviceWorker.register('./sw.js');
        await navigator.serviceWorker.ready;
        await (await caches.open(`site of ${location.pathname}`)).add('./');
      });
    }
    const others = { caches: ['site of /', 'site of /other/'], workers: ['/', '/other/'] };

    for (const address of ['studio/second/', 'studio/']) {
      await visit(page, address);
      // The site above controls this page too, which does not mean that it was kept.
      expect(await page.isChecked('#offline')).toBe(false);
      await setSwitch(page, true);
    }
    const both = ['/studio/', '/studio/second/'];
    expect(await kept(page)).toEqual({
      caches: [...both.map((scope) => `cachequant-studio ${scope} 1`), ...others.caches],
      workers: [...others.workers, ...both],
    });

    publish('2', ['studio']);
    await visit(page, 'studio/');
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
    await expect
      .poll(async () => (await kept(page)).caches, { timeout: 20_000 })
      .toEqual(['cachequant-studio /studio/ 2', 'cachequant-studio /studio/second/ 1', ...others.caches]);

    await setSwitch(page, false);
    await visit(page, 'studio/second/');
    expect(await page.isChecked('#offline')).toBe(true);
    await setSwitch(page, false);
    expect(await kept(page)).toEqual(others);
  });
}
