// @ts-check
// Measures how far pictures of the same bundle, prompt and seed agree between Node and the browser's backends:
//
//     node scripts/browser/measure-parity.mjs [chromium flag …]
//
// Needs the built packages and Chromium; prints a table and writes packages/web/parity.json. Flags replace those of
// SwiftShader, for a machine with a graphics processor.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPages } from './build-pages.mjs';
import { launchChromium, softwareGpu } from './chromium.mjs';
import { serveFolders } from './serve-folders.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** @param {string} file */
const dist = (file) => import(path.join(root, 'packages', file));
const { createBundleGenerator, createGenerator, optimize, psnr } = await dist('pipeline/dist/index.js');
const { createNodeRuntime, nodeStorage } = await dist('runtime-node/dist/index.js');

const STEPS = 8;
const REQUEST = { prompt: 'a photo of a red sneaker', seed: 7, guidanceScale: 4, steps: STEPS };
const OPTIONS = {
  steps: STEPS,
  interval: 3,
  guidanceScale: 4,
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a red sneaker', 'a blue dress', 'a green handbag', 'a black boot'],
  schedule: 'uniform',
  components: 'auto',
  floatGraphs: 'always',
};
const flags = process.argv.length > 2 ? process.argv.slice(2) : softwareGpu;

const folder = mkdtempSync(path.join(os.tmpdir(), 'cachequant-parity-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const model = path.join(root, 'models/fashion-sd');
const runtime = await createNodeRuntime();
const out = nodeStorage(path.join(folder, 'out'));
const work = nodeStorage(path.join(folder, 'work'));
await optimize({ source: nodeStorage(model), work, out, runtime, options: OPTIONS });

/** @param {Promise<any>} opening */
async function inNode(opening) {
  const generator = await opening;
  const { images } = await generator.generate(REQUEST);
  await generator.dispose();
  return images[0];
}
const original = await inNode(createGenerator({ storage: nodeStorage(model), runtime }));
/** @type {Record<string, any>} */
const node = {
  model: original,
  int8: await inNode(createBundleGenerator({ storage: out, runtime })),
  float32: await inNode(createBundleGenerator({ storage: out, runtime, precision: 'float32' })),
  float16: await inNode(createBundleGenerator({ storage: out, runtime, precision: 'float16' })),
};
await runtime.dispose();

const site = await buildPages(path.join(root, 'packages/web/src/__fixtures__/vite'), ['index.html']);
const server = await serveFolders({
  folders: { '/': site, '/model/': model, '/bundle/': path.join(folder, 'out') },
});
const browser = await launchChromium(flags);
const page = await browser.newPage();
await page.goto(server.url);
await page.waitForFunction(() => 'generate' in globalThis);

/** @typedef {[graphs: string, folder: string, options: object, floor: number]} Case */
/** @type {Case[]} */
const cases = [
  ['model', '/model/', { device: 'wasm' }, 60],
  ['int8', '/bundle/', { device: 'wasm' }, 35],
  ['float32', '/bundle/', { device: 'wasm', precision: 'float32' }, 60],
  ['float16', '/bundle/', { device: 'wasm', precision: 'float16' }, 35],
  ['float32', '/bundle/', { device: 'webgpu', precision: 'float32' }, 50],
  ['model', '/model/', { device: 'webgpu' }, 50],
  ['float16', '/bundle/', { device: 'webgpu', precision: 'float16' }, 35],
];
const rows = [];
for (const [graphs, address, options, floor] of cases) {
  const { prompt, ...request } = REQUEST;
  /** @type {any} */
  const outcome = await page
    .evaluate(
      ([given, wanted, asked]) => /** @type {any} */ (globalThis).generate(given, wanted, asked),
      /** @type {[string, object, object]} */ ([address, options, { prompt, ...request }]),
    )
    .catch((/** @type {Error} */ error) => ({ error: error.message }));
  if (outcome.error) {
    rows.push({ graphs, ...options, notRun: outcome.error.split('\n')[0] });
    console.log(rows.at(-1));
    continue;
  }
  const picture = { ...original, rgb: Uint8Array.from(outcome.rgb) };
  const toNode = Math.min(100, psnr(node[graphs], picture));
  const toOriginal = Math.min(100, psnr(original, picture));
  const nodeToOriginal = Math.min(100, psnr(original, node[graphs]));
  rows.push({
    graphs,
    backend: outcome.backend,
    adapter: outcome.adapter,
    floor,
    toNode,
    toOriginal,
    nodeToOriginal,
  });
  console.log(rows.at(-1));
}
const chromium = browser.version();
await browser.close();
await server.close();
const { calibrationImages, prompts, ...settings } = OPTIONS;
const report = {
  measured: new Date().toISOString().slice(0, 10),
  chromium,
  request: REQUEST,
  settings,
  rows,
};
writeFileSync(path.join(root, 'packages/web/parity.json'), `${JSON.stringify(report, null, 2)}\n`);
