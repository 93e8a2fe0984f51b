import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { meanOf } from '@cachequant/evaluate';
import { optimize } from '@cachequant/optimizer';
import { createBundleGenerator, createGenerator, encodePng } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { StageLine } from '../stage-line.js';
import { type Drawn, drawInTurn } from './draw-in-turn.js';
import { CALIBRATION_PROMPTS, SHOWN_PROMPTS } from './prompts.js';
import { sheet } from './sheet.js';

// Optimizes the model of emoji and draws the same prompts and seeds by the original and by the bundle, a sheet of which
// the main README shows: `--record` puts it there, `--no-times` leaves out seconds on a machine that does other work.
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');
const MODEL = path.join(ROOT, 'models/emoji-sd');
const OUT = path.join(ROOT, 'out/pictures');
const SETTINGS = { sampler: 'plms', steps: 50, guidanceScale: 3 } as const;
const FIRST_SEED = 2;

const started = performance.now();
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

try {
  const runtime = await createNodeRuntime();
  await drawSheet(runtime, stop.signal).finally(() => runtime.dispose());
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.log('\nStopped. The next `npm run pictures` goes on from here.');
  process.exitCode = 130;
}

async function drawSheet(runtime: Runtime, signal: AbortSignal): Promise<void> {
  console.log(
    `CacheQuant pictures: models/emoji-sd, 50 PLMS steps, cache interval 5, W8A8, ${runtime.threads} threads\n`,
  );
  const line = new StageLine(started);
  await makeBundle(runtime, line, signal);
  line.stage(`draw ${SHOWN_PROMPTS.length} prompts by both`, false);
  const drawn = await drawBoth(runtime, signal, (done) => line.progress(done, SHOWN_PROMPTS.length));
  line.end();
  const times = !process.argv.includes('--no-times');
  const png = encodePng(sheet(SHOWN_PROMPTS, drawn, { times }));
  await writeFile(path.join(OUT, 'pictures.png'), png);
  if (process.argv.includes('--record')) await writeFile(path.join(ROOT, 'docs/images/emoji.png'), png);
  const seconds = (by: 'original' | 'bundle') => meanOf(drawn.map((pair) => pair[by].seconds));
  console.log(
    `\n${seconds('original').toFixed(2)} s a picture by the original, ${seconds('bundle').toFixed(2)} s by CacheQuant` +
      `\nin ${Math.round((performance.now() - started) / 1000)} s. Look at:` +
      `\n  out/pictures/pictures.png   the same prompts and seeds by both` +
      `\n  out/pictures/bundle         try: npm run -s cachequant -- generate out/pictures/bundle --prompt "two foxes on orange" --out out/pictures`,
  );
}

async function makeBundle(runtime: Runtime, line: StageLine, signal: AbortSignal): Promise<void> {
  await mkdir(OUT, { recursive: true });
  await rm(path.join(OUT, 'bundle'), { recursive: true, force: true });
  await optimize({
    source: nodeStorage(MODEL),
    work: nodeStorage(path.join(OUT, 'work')),
    out: nodeStorage(path.join(OUT, 'bundle')),
    runtime,
    sourceName: 'emoji-sd',
    signal,
    options: {
      ...SETTINGS,
      interval: 5,
      effort: 'fast',
      prompts: CALIBRATION_PROMPTS,
      verificationImages: 2,
      offCalibrationImages: 0,
    },
    onStage: ({ label }, reused) => line.stage(label, reused),
    onProgress: ({ done, total }) => line.progress(done, total),
  });
  line.end();
}

async function drawBoth(
  runtime: Runtime,
  signal: AbortSignal,
  onPicture: (done: number) => void,
): Promise<Drawn[]> {
  const original = await createGenerator({ storage: nodeStorage(MODEL), runtime });
  const bundle = await createBundleGenerator({ storage: nodeStorage(path.join(OUT, 'bundle')), runtime });
  const requests = SHOWN_PROMPTS.map((prompt, i) => ({ ...SETTINGS, prompt, seed: FIRST_SEED + i, signal }));
  const drawn = await drawInTurn({ original, bundle }, requests, onPicture);
  await original.dispose();
  await bundle.dispose();
  return drawn;
}
