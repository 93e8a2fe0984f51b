import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type OptimizationWithModel,
  openCalibrationContext,
  optimizeIn,
} from '@cachequant/optimizer/experiments';
import { encodePng, imageGrid } from '@cachequant/pipeline';
import { type ReportRow, renderReport } from '@cachequant/report';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { parseSchedulerConfig } from '@cachequant/samplers';
import { compareSizes, type ReportSizes, reportDataOf } from 'cachequant';
import { type Comparison, compareContenders } from './compare.js';
import { type Contender, loadContenders } from './contenders.js';
import { printRows } from './print-rows.js';
import { CALIBRATION_PROMPTS, HELD_OUT_PROMPTS } from './prompts.js';
import { StageLine } from './stage-line.js';
import { wholeFolderBytes } from './whole-folder.js';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const MODEL = path.join(ROOT, 'models/fashion-sd');
const OUT = path.join(ROOT, 'out/demo');
const HELD_OUT_IMAGES = 24;
const REPORTED_IMAGES = 8;
const GUIDANCE_SCALE = 4;

interface Recorded {
  readonly rows: readonly ReportRow[];
  readonly machine: string;
  readonly createdAt: string;
  readonly seeds: number;
  readonly integerShare: number | undefined;
}

const started = performance.now();
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

try {
  await demo(stop.signal);
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.log('\nStopped. The next `npm run demo` goes on from here.');
  process.exitCode = 130;
}

async function demo(signal: AbortSignal): Promise<void> {
  await mkdir(OUT, { recursive: true });
  const line = new StageLine(started);
  const source = nodeStorage(MODEL);
  const work = nodeStorage(path.join(OUT, 'work'));
  const bundle = nodeStorage(path.join(OUT, 'bundle'));
  const runtime = await createNodeRuntime();
  console.log(
    `CacheQuant demo: models/fashion-sd, 50 PLMS steps, cache interval 5, W8A8, ${runtime.threads} threads\n`,
  );
  await rm(path.join(OUT, 'bundle'), { recursive: true, force: true });
  const request = {
    source,
    work,
    out: bundle,
    runtime,
    sourceName: 'fashion-sd',
    signal,
    options: {
      steps: 50,
      interval: 5,
      bits: 'w8a8' as const,
      guidanceScale: GUIDANCE_SCALE,
      prompts: CALIBRATION_PROMPTS,
      verificationPrompts: HELD_OUT_PROMPTS,
      verificationImages: REPORTED_IMAGES,
      comparisonImages: HELD_OUT_IMAGES,
    },
    onStage: ({ label }: { label: string }, reused: boolean) => line.stage(label, reused),
    onProgress: ({ done, total }: { done: number; total: number }) => line.progress(done, total),
  };
  const opened = await openCalibrationContext(request);
  const optimized = await optimizeIn(opened, request);
  line.end();
  const schedulerConfig = parseSchedulerConfig(
    await readFile(path.join(MODEL, 'scheduler/scheduler_config.json'), 'utf8'),
  );
  const { context } = optimized.calibrated;
  const contenders = await loadContenders({ ...optimized, source, work, bundle, schedulerConfig });
  line.stage(`compare ${contenders.length} ways on ${HELD_OUT_IMAGES} held-out seeds`, false);
  const sizes = await compareSizes(source, 'unet/model.onnx', bundle);
  const totalBytes = (contender: Contender) => wholeFolderBytes(contender, sizes);
  const comparison = await compareContenders(
    context,
    contenders,
    context.verification,
    totalBytes,
    (done, total) => line.progress(done, total),
  );
  line.end();
  await writeResults(optimized, contenders, comparison, sizes, runtime.version);
  await Promise.all(contenders.map(({ denoiser }) => denoiser.dispose()));
  await opened.dispose();
  await runtime.dispose();
  printRows(comparison.rows);
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `\nin ${seconds} s. Look at:\n  out/demo/pictures.png   the same seeds by each of them\n  out/demo/report.html    speed, size, quality, schedule, error per call\n  out/demo/results.json   the table\n  out/demo/bundle         try: npm run -s cachequant -- generate out/demo/bundle --prompt "a red sneaker" --out out/pictures`,
  );
}

async function writeResults(
  { summary, calibrated }: OptimizationWithModel,
  contenders: readonly Contender[],
  { rows, images }: Comparison,
  sizes: ReportSizes,
  runtimeVersion: string,
): Promise<void> {
  const cpu = os.cpus()[0]?.model ?? 'unknown processor';
  const machine = `${cpu}, ${os.availableParallelism()} cores, ${process.platform} ${process.arch}`;
  const { verification, manifest, candidates } = summary;
  const results = {
    rows,
    machine,
    createdAt: manifest.createdAt,
    sampler: manifest.sampler,
    interval: manifest.schedule.interval,
    refreshCalls: manifest.schedule.refreshCalls,
    schedules: candidates.map(({ schedule, correction, psnr }) => ({
      schedule,
      correction,
      calibrationPsnr: psnr,
    })),
    integerShare: verification.coverage.integerShare,
    cacheHits: verification.cacheHits,
    denoiserItems: sizes.denoiserItems,
    seeds: images.get('original')!.length,
  };
  await writeFile(path.join(OUT, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  const shown = 12;
  const grid = contenders.flatMap(({ id }) =>
    images
      .get(id)!
      .slice(0, shown)
      .map(({ picture }) => picture),
  );
  const pictures = imageGrid(grid, shown, {
    gap: 1,
    scale: 2,
    columnLabels: calibrated.context.verification.slice(0, shown).map(({ prompt }) => prompt),
    rowLabels: rows.map(rowLabel),
  });
  await writeFile(path.join(OUT, 'pictures.png'), encodePng(pictures));
  if (process.argv.includes('--record')) await record(results, encodePng(pictures));
  const data = reportDataOf(summary, {
    title: 'CacheQuant on fashion-sd',
    machine,
    versions: { node: process.versions.node, onnxruntime: runtimeVersion },
    rows,
    sizes,
  });
  await writeFile(path.join(OUT, 'report.html'), renderReport(data));
}

/** Keeps what the main README shows: its table is made of it, and its picture. */
async function record(
  { rows, machine, createdAt, seeds, integerShare }: Recorded,
  pictures: Uint8Array,
): Promise<void> {
  const kept = { measuredAt: createdAt.slice(0, 10), machine, seeds, integerShare, rows };
  const file = path.join(ROOT, 'apps/demo/results/demo.json');
  await writeFile(file, `${JSON.stringify(kept, null, 2)}\n`);
  await writeFile(path.join(ROOT, 'docs/images/demo.png'), pictures);
}

function rowLabel({ label, speedup, psnr }: ReportRow): string {
  return psnr === null ? label : `${label}\n${speedup.toFixed(2)}x, ${psnr.toFixed(1)} dB`;
}
