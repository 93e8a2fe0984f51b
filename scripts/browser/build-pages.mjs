// @ts-check
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'vite';

/**
 * Builds a folder of pages with Vite as a user would: with its defaults, from the packages as they are published.
 *
 * @param {string} root the folder
 * @param {readonly string[]} pages names of HTML files in it
 * @param {{ alias?: Readonly<Record<string, string>> }} [options]
 * @returns {Promise<string>} the folder of the built site, which is removed when the process ends
 */
export async function buildPages(root, pages, { alias = {} } = {}) {
  const outDir = mkdtempSync(path.join(tmpdir(), 'cachequant-site-'));
  process.once('exit', () => rmSync(outDir, { recursive: true, force: true }));
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { ...alias } },
    build: {
      outDir,
      emptyOutDir: true,
      minify: false,
      reportCompressedSize: false,
      rollupOptions: { input: pages.map((page) => path.join(root, page)) },
    },
  });
  return outDir;
}
