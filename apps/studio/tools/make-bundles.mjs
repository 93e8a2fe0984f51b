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
 * The bundles that the studio offers: the same cut with integers and in float.
 *
 * @type {readonly { name: string, title: string, bits: 'w8a8' | 'none', effort: 'normal' | 'fast' }[]}
 */
const bundles = [
  { name: 'fashion-w8a8', title: '8-bit integers', bits: 'w8a8', effort: 'normal' },
  { name: 'fashion-float', title: '32-bit float', bits: 'none', effort: 'fast' },
];

/**
 * Optimizes the bundled model, unless that was done before.
 *
 * @param {AbortSignal} signal
 * @returns where they are
 */
export async function makeBundles(signal) {
  const missing = bundles.filter(({ name }) => !isFinished(path.join(made, name)));
  if (missing.length > 0) await makeAll(missing, signal);
  return bundles.map(({ name, title }) => ({ name, title, folder: path.join(made, name) }));
}

/**
 * @param {typeof bundles} missing
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
 * @param {typeof bundles[number]} bundle
 * @param {Awaited<ReturnType<typeof createNodeRuntime>>} runtime
 * @param {AbortSignal} signal
 */
async function makeBundle({ name, title, bits, effort }, runtime, signal) {
  console.log(`\nOptimizing models/fashion-sd, ${title} (once; Ctrl-C stops, the next start goes on):`);
  const line = stageLine();
  const out = path.join(made, name);
  const work = path.join(made, 'work', name);
  await Promise.all([out, work].map((folder) => mkdir(folder, { recursive: true })));
  const { verification } = await optimize({
    source: nodeStorage(model),
    work: nodeStorage(work),
    out: nodeStorage(out),
    runtime,
    sourceName: 'fashion-sd',
    signal,
    options: {
      steps: 50,
      interval: 5,
      guidanceScale: 4,
      bits,
      effort,
      prompts: calibrationPrompts,
      verificationPrompts: heldOutPrompts,
    },
    onStage: line.stage,
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
