import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openBundle } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Storage } from '@cachequant/tensor';
import { buildModel } from './build-model.js';
import { buildParts } from './build-parts.js';
import { type ChildResult, runChild } from './child.js';
import { describeMachine, startLog, untilStopped } from './command.js';
import { type SeededPart, writeSeededPart } from './import/seeded-checkpoint.js';
import { measure } from './measure.js';
import { measureStages, measureTinyDecoder, wholeImages } from './measure-stages.js';
import { renderPage } from './page.js';
import { CACHE, FULL_LATENTS, QUICK_LATENTS, RESULTS, SKELETON } from './paths.js';
import { type BenchResults, resultsName, resultsSchema } from './results.js';
import { readSearchedPlans } from './searched-plans.js';

const { values } = parseArgs({
  options: { full: { type: 'boolean', default: false }, rounds: { type: 'string', default: '7' } },
});
const DONE_BEFORE = '(done before)';
const mode = values.full ? 'full' : 'quick';
const size = values.full ? FULL_LATENTS : QUICK_LATENTS;
const PIXELS_PER_LATENT = 8;
const TINY_DECODER: SeededPart = {
  folder: 'sd15-tiny-decoder',
  shapes: 'taesd',
  file: 'diffusion_pytorch_model.safetensors',
};

const log = startLog();

await untilStopped(bench, 'Stopped. The next run goes on from here.');

async function bench(signal: AbortSignal): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  let shown = -1;
  const folder = path.join(CACHE, 'sd15-unet');
  const model = await buildModel(SKELETON, folder, signal, (bytes, total) => {
    const tenths = Math.floor((10 * bytes) / total);
    if (tenths > shown) log(`weights of the model: ${10 * tenths} %`);
    shown = tenths;
  });
  const made = path.join(CACHE, `bundle-${size}`);
  const optimized = await optimizeWatched(folder, made, signal);
  const parts = await optimizedParts(signal);
  const { manifest, verification } = await openBundle(nodeStorage(made), { check: 'sizes' });
  const { lines } = await runChild('serve-sd15.js', [made], signal, () => {});
  const { residentBytes, ...start } = JSON.parse(lines.at(-1)!);
  const runtime = await createNodeRuntime();
  const { int8FullRange } = await runtime.capabilities();
  const qdq = path.join(CACHE, `qdq-${size}`);
  const measured = await measure({
    runtime,
    model,
    bundle: nodeStorage(made),
    manifest,
    qdq: existsSync(path.join(qdq, 'model.onnx')) ? qdq : undefined,
    searched: values.full ? await readSearchedPlans(int8FullRange) : [],
    rounds: Number(values.rounds),
    signal,
    log,
  });
  const staged = {
    runtime,
    ...parts,
    latentDims: manifest.latentDims,
    rounds: Number(values.rounds),
    signal,
    log,
  };
  const stages = await measureStages(staged);
  await writeSeededPart(nodeStorage(CACHE), TINY_DECODER, signal);
  const tiny = nodeStorage(path.join(CACHE, TINY_DECODER.folder));
  const tinyDecoder = await measureTinyDecoder(staged, tiny);
  const denoiserBytes = Object.entries(manifest.files)
    .filter(([file]) => file.startsWith('denoiser/'))
    .reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const floatBytes = (await model.stat('unet/weights.bin'))!.size;
  const results: BenchResults = resultsSchema.parse({
    model: 'Stable Diffusion 1.5 U-Net',
    mode,
    latentSize: size,
    batch: 2,
    tokens: 77,
    measuredAt: new Date().toISOString(),
    machine: {
      ...describeMachine(),
      int8FullRange,
    },
    versions: { Node: process.versions.node, 'ONNX Runtime': runtime.version },
    ...measured,
    stages,
    tinyDecoder,
    images: wholeImages(stages, measured.loops),
    folderBytes: {
      float: floatBytes + stages.reduce((sum, stage) => sum + stage.floatBytes, 0),
      ours: denoiserBytes + stages.reduce((sum, stage) => sum + stage.bytes, 0),
    },
    sizeRatio: denoiserBytes / floatBytes,
    denoiserBytes,
    floatBytes,
    plannedShare: verification!.coverage.plannedShare,
    integerShare: verification!.coverage.integerShare,
    optimizePeakBytes: optimized.peakBytes,
    optimizeSeconds: optimized.seconds,
    serveResidentBytes: residentBytes,
    start,
  });
  await runtime.dispose();
  const name = resultsName('sd15-unet', values.full, results.machine);
  await mkdir(RESULTS, { recursive: true });
  await writeFile(path.join(RESULTS, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  const page = renderPage(results);
  await writeFile(path.join(RESULTS, `${name}.md`), page);
  console.log(`\n${page}`);
}

/** Decoder and text encoder, and what `optimize` makes of them. */
async function optimizedParts(signal: AbortSignal): Promise<{ model: Storage; bundle: Storage }> {
  const folder = path.join(CACHE, 'sd15-parts');
  const model = await buildParts(folder, signal);
  const [work, made] = [path.join(CACHE, `parts-work-${size}`), path.join(CACHE, `parts-${size}`)];
  log('decoder and text encoder');
  await runChild('optimize-parts.js', [folder, work, made, String(PIXELS_PER_LATENT * size)], signal, log);
  return { model, bundle: nodeStorage(made) };
}

/** Time and memory of the run that made the bundle; a run that finds finished stages says nothing about them. */
async function optimizeWatched(
  folder: string,
  made: string,
  signal: AbortSignal,
): Promise<Pick<ChildResult, 'seconds' | 'peakBytes'>> {
  const record = path.join(CACHE, `optimize-${size}.json`);
  const work = path.join(CACHE, `work-${size}`);
  const { lines, seconds, peakBytes } = await runChild(
    'optimize-sd15.js',
    [folder, work, made, String(size)],
    signal,
    log,
  );
  if (!lines.some((line) => line.endsWith(DONE_BEFORE))) {
    await writeFile(record, JSON.stringify({ seconds, peakBytes }));
  } else if (!existsSync(record)) {
    throw new Error(`The optimization was not watched from its start. Remove ${work} and start again.`);
  }
  return JSON.parse(await readFile(record, 'utf8'));
}
