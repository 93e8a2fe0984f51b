// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { optimize } from '@cachequant/optimizer';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { made, model } from './paths.mjs';
import { calibrationPrompts, heldOutPrompts } from './prompts.mjs';
import { stageLine } from './stage-line.mjs';

/**
 * @typedef {object} Made
 * @property {string} name
 * @property {string} title
 * @property {import('@cachequant/optimizer').OptimizeOptions} options
 */

/** As little as gives a bundle that shows what it is about: nothing is tried, no layer is measured. */
const quick = /** @type {const} */ ({
  effort: 'fast',
  schedule: 'uniform',
  cacheCorrection: 'forecast',
  layers: 'all',
  components: 'keep',
  calibrationImages: 2,
  verificationImages: 1,
  offCalibrationImages: 0,
});

/**
 * The bundles that the studio offers: the same cut with integers and in float. A first start makes quick ones, so that
 * there is a page to look at; those for a site are made with care.
 *
 * @type {{ quick: readonly Made[], thorough: readonly Made[] }}
 */
const bundles = {
  quick: [
    { name: 'emoji-quick-w8a8', title: '8-bit integers', options: { bits: 'w8a8', ...quick } },
    { name: 'emoji-quick-float', title: '32-bit float', options: { bits: 'none', ...quick } },
  ],
  thorough: [
    { name: 'emoji-w8a8', title: '8-bit integers', options: { bits: 'w8a8', effort: 'normal' } },
    { name: 'emoji-float', title: '32-bit float', options: { bits: 'none', effort: 'fast' } },
  ],
};

/**
 * Optimizes the bundled model, unless that was done before.
 *
 * @param {{ thorough: boolean, signal: AbortSignal }} options thorough ones that are there are taken in any case
 * @returns where they are
 */
export async function makeBundles({ thorough, signal }) {
  const has = (/** @type {Made} */ { name }) => isFinished(path.join(made, name));
  const chosen = thorough || bundles.thorough.every(has) ? bundles.thorough : bundles.quick;
  const missing = chosen.filter((bundle) => !has(bundle));
  if (missing.length > 0) await makeAll(missing, signal);
  return chosen.map(({ name, title }) => ({ name, title, folder: path.join(made, name) }));
}

/**
 * @param {readonly Made[]} missing
 * @param {AbortSignal} signal
 */
async function makeAll(missing, signal) {
  const runtime = await createNodeRuntime();
  try {
    for (const bundle of missing) await makeBundle(bundle, runtime, signal);
  } finally {
    await runtime.dispose();
  }
}

/**
 * @param {Made} bundle
 * @param {Awaited<ReturnType<typeof createNodeRuntime>>} runtime
 * @param {AbortSignal} signal
 */
async function makeBundle({ name, title, options }, runtime, signal) {
  console.log(`\nOptimizing models/emoji-sd, ${title} (once; Ctrl-C stops, the next start goes on):`);
  const line = stageLine();
  const out = path.join(made, name);
  const work = path.join(made, 'work', name);
  await Promise.all([out, work].map((folder) => mkdir(folder, { recursive: true })));
  const { verification } = await optimize({
    source: nodeStorage(model),
    work: nodeStorage(work),
    out: nodeStorage(out),
    runtime,
    sourceName: 'emoji-sd',
    signal,
    options: {
      sampler: 'DPMSolverMultistepScheduler',
      steps: 25,
      interval: 3,
      guidanceScale: 3,
      ...options,
      prompts: calibrationPrompts,
      verificationPrompts: heldOutPrompts,
    },
    onStage: ({ label }, reused) => line.stage(label, reused),
    onProgress: ({ done, total }) => line.progress(done, total),
  });
  line.end();
  const { speedup, psnr } = verification;
  console.log(`  in Node ${speedup.toFixed(1)} times as fast, ${psnr.toFixed(1)} dB`);
}

/**
 * A bundle of an earlier version lacks what previews need, and is made again.
 *
 * @param {string} folder
 */
function isFinished(folder) {
  const file = path.join(folder, 'cachequant.json');
  return existsSync(file) && 'preview' in JSON.parse(readFileSync(file, 'utf8'));
}
