// @ts-check
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { build } from 'vite';
import { exportModel } from './export-model.mjs';
import { model, studio } from './paths.mjs';

/**
 * Builds the page and puts the models beside it: the folder is the whole site.
 *
 * @param {{ bundles: readonly { name: string, title: string, folder: string }[], site: string, original?: string }} options
 *   original: the folder of the model that the bundles were made of
 */
export async function buildSite({ bundles, site, original = model }) {
  const name = path.basename(original);
  const configFile = path.join(studio, 'vite.config.mjs');
  await build({ root: studio, configFile, logLevel: 'warn', build: { outDir: site } });
  const models = path.join(site, 'models');
  await mkdir(models, { recursive: true });
  const served = path.join(models, name);
  await mkdir(served, { recursive: true });
  await exportModel(nodeStorage(original), nodeStorage(served));
  const entries = [];
  for (const { name: bundle, title, folder } of bundles) {
    const copy = path.join(models, bundle);
    await cp(folder, copy, { recursive: true });
    entries.push({ name: bundle, title, url: `./models/${bundle}/`, files: await filesOf(copy) });
  }
  const manifest = path.join(bundles[0]?.folder ?? '', 'cachequant.json');
  const { source } = JSON.parse(await readFile(manifest, 'utf8'));
  const { denoiserBytes, fingerprint } = source;
  const files = await filesOf(served);
  const catalog = {
    original: { name, title: name, url: `./models/${name}/`, files, denoiserBytes, fingerprint },
    bundles: entries,
  };
  await writeFile(path.join(models, 'catalog.json'), JSON.stringify(catalog));
  await writeServiceWorker(site);
}

/**
 * Sizes and hashes, by which downloads are checked and kept.
 *
 * @param {string} folder
 */
async function filesOf(folder) {
  /** @type {Record<string, { bytes: number, sha256: string }>} */
  const files = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const file = path.join(folder, name);
    if (!(await stat(file)).isFile()) continue;
    const content = await readFile(file);
    const sha256 = createHash('sha256').update(content).digest('hex');
    files[name.split(path.sep).join('/')] = { bytes: content.length, sha256 };
  }
  return files;
}

/**
 * The service worker with the names of what it keeps; another build has another version.
 *
 * @param {string} site
 */
async function writeServiceWorker(site) {
  const assets = (await readdir(path.join(site, 'assets'))).sort();
  // All of them, so that everything that the page can do works without a network.
  const files = ['./', './icon.svg', './models/catalog.json', ...assets.map((name) => `./assets/${name}`)];
  const hash = createHash('sha256').update(files.join());
  for (const file of ['index.html', 'models/catalog.json'])
    hash.update(await readFile(path.join(site, file)));
  const source = await readFile(path.join(studio, 'service-worker/sw.js'), 'utf8');
  const filled = source
    .replace("'VERSION'", `'${hash.digest('hex').slice(0, 12)}'`)
    .replace("['FILES']", JSON.stringify(files));
  await writeFile(path.join(site, 'sw.js'), filled);
}
