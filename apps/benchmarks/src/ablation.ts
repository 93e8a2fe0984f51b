import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { RgbImage } from '@cachequant/evaluate';
import { encodePng } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { CacheQuantError, type Runtime } from '@cachequant/tensor';
import { assembleRows } from './ablation/assemble.js';
import { CALIBRATION_IMAGES } from './ablation/calibrated-models.js';
import type { Contestant } from './ablation/contestants.js';
import { drawPictures } from './ablation/draw.js';
import { renderFigure } from './ablation/figure.js';
import { gatherContestants } from './ablation/gather.js';
import { createImageMaker, FIRST_SEED, type ImageMaker } from './ablation/images.js';
import { leverRows } from './ablation/levers.js';
import { openOnCommonGrid, openStudent, workFolder } from './ablation/model.js';
import { ablationFile, ablationModel } from './ablation/models/index.js';
import { renderPage } from './ablation/page.js';
import { PictureFile } from './ablation/picture-file.js';
import { type AblationResults, ablationSchema } from './ablation/results.js';
import { ablationRows, CONVERGED, isStudent, originalId, type RowSpec } from './ablation/rows.js';
import { createJudge } from './ablation/scores.js';
import { readSd15 } from './ablation/sd15-cost.js';
import { renderSheet } from './ablation/sheet.js';
import { measureTimes, readTimes } from './ablation/times.js';
import { describeMachine, startLog, stopOnSignals } from './command.js';
import { RESULTS } from './paths.js';

const { values } = parseArgs({
  options: {
    /** A folder of models/. */
    model: { type: 'string', default: 'fashion-sd' },
    seeds: { type: 'string', default: '256' },
    frechet: { type: 'string', default: '512' },
    /** Rounds of timing to add; no pictures are generated then. */
    times: { type: 'string' },
    /** Rows whose id contains one of these, between commas. */
    rows: { type: 'string', default: '' },
    /** Stops after so many, with what there is. */
    minutes: { type: 'string' },
    /** What each lever of speed brings, in a table of its own. */
    levers: { type: 'boolean', default: false },
    threads: { type: 'string' },
    batch: { type: 'string', default: '8' },
  },
});

/** Of a row on the sheet of pictures, at most. */
const SHOWN = 16;

/** A contestant, and what draws with it. */
type Entrant = Contestant & { readonly maker: ImageMaker };

const model = ablationModel(values.model);
if (values.levers && model.guidanceScale === 1) {
  throw new Error(`--levers: ${model.name} has no guidance, which the levers save halves of`);
}
const allRows = values.levers ? leverRows(model) : ablationRows(model);
const work = workFolder(model);
const stop = stopOnSignals();
if (values.minutes !== undefined) setTimeout(() => stop.abort(), 60_000 * Number(values.minutes)).unref();
const log = startLog();

const threads = values.threads === undefined ? os.availableParallelism() : Number(values.threads);
const runtime = await createNodeRuntime({ threads });
try {
  await ablation(runtime, stop.signal);
} catch (error) {
  if (!isStop(error)) throw error;
  console.log('\nStopped. The same command goes on from here.');
  process.exitCode = 130;
} finally {
  await runtime.dispose();
}

async function ablation(runtime: Runtime, signal: AbortSignal): Promise<void> {
  const opened = await openOnCommonGrid(model);
  const student = model.student && (await openStudent(model, model.student));
  const subjects = await model.subjects();
  const { int8FullRange } = await runtime.capabilities();
  const parts = values.rows.split(',');
  const isWanted = ({ id }: RowSpec) => parts.some((part) => id.includes(part));
  const wanted = allRows.filter((row) => isWanted(row) || row.id === CONVERGED.id);
  const contestants = await gatherContestants(withReferences(wanted), {
    runtime,
    opened,
    student,
    calibrationSubjects: subjects.calibration,
    int8FullRange,
    signal,
    log,
  });
  const maker = await createImageMaker(runtime, opened, subjects.heldOut, signal);
  const studentMaker = student && (await createImageMaker(runtime, student, subjects.heldOut, signal));
  const entrants = contestants.map((each) => ({
    ...each,
    maker: isStudent(each.row) && studentMaker ? studentMaker : maker,
  }));
  try {
    if (values.times !== undefined) await time(entrants, Number(values.times), signal);
    else await draw(entrants, signal);
    await write(entrants, maker, {
      runtime,
      int8FullRange,
      heldOutPrompts: subjects.heldOut.filter(({ prompt }) => prompt !== '').length,
    });
  } finally {
    await Promise.all([maker.dispose(), studentMaker?.dispose()]);
  }
}

/** The rows, with those that they are measured against. */
function withReferences(rows: readonly RowSpec[]): RowSpec[] {
  const needed = new Set(rows.flatMap(({ id, sampler, steps }) => [id, `float-${sampler}-${steps}`]));
  needed.add(originalId(model));
  return allRows.filter(({ id }) => needed.has(id));
}

async function time(contestants: readonly Entrant[], rounds: number, signal: AbortSignal): Promise<void> {
  const distinct = [...new Map(contestants.map((each) => [each.fingerprint, each])).values()].filter(
    ({ row }) => row.id !== CONVERGED.id,
  );
  const original = distinct.findIndex(({ row }) => row.id === originalId(model));
  await measureTimes(distinct, original, { folder: work, rounds, signal, log });
}

/** Fewer pictures of all rows first, then more, so that a run that is stopped leaves a whole table. */
async function draw(contestants: readonly Entrant[], signal: AbortSignal): Promise<void> {
  const [seeds, frechet] = [Number(values.seeds), Number(values.frechet)];
  try {
    for (const goal of new Set([16, 32, seeds].map((count) => Math.min(count, seeds)))) {
      for (const contestant of contestants) await drawUpTo(goal, contestant, signal);
    }
    for (const contestant of judgedFirst(contestants)) await drawUpTo(frechet, contestant, signal);
  } catch (error) {
    if (!isStop(error)) throw error;
    log('stopped; the table is of what there is');
    process.exitCode = 130;
  }
}

async function drawUpTo(count: number, contestant: Entrant, signal: AbortSignal): Promise<void> {
  const { maker } = contestant;
  const batch = Number(values.batch);
  await drawPictures(contestant, await openFile(contestant), count, { maker, batch, signal, log });
}

/**
 * What Fréchet distances of many pictures are taken of, the most telling first, as thousands of pictures take hours: the
 * original, the paper and ours from the longest interval on, then fewer steps of the strongest solver. Cells of the
 * factorial are compared by their errors alone.
 */
function judgedFirst(contestants: readonly Entrant[]): Entrant[] {
  const original = originalId(model);
  const rank = ({ id, curve, steps }: Entrant['row']): number => {
    if (id === original) return 0;
    if (curve === 'cachequant' || curve === 'paper') return 1;
    return curve.endsWith('fewer steps, dpm-solver++') && steps <= 25 ? 2 : 3;
  };
  return contestants
    .filter(({ row }) => row.curve !== 'factors' && row.id !== CONVERGED.id)
    .sort((a, b) => rank(a.row) - rank(b.row) || b.row.interval - a.row.interval);
}

function openFile({ fingerprint }: Contestant): Promise<PictureFile> {
  return PictureFile.open(path.join(work, 'pictures'), fingerprint, model.pictureSize);
}

function isStop(error: unknown): boolean {
  return (
    stop.signal.aborted &&
    (error === stop.signal.reason || (CacheQuantError.is(error) && error.code === 'aborted'))
  );
}

async function write(
  contestants: readonly Contestant[],
  maker: ImageMaker,
  {
    runtime,
    int8FullRange,
    heldOutPrompts,
  }: { runtime: Runtime; int8FullRange: boolean; heldOutPrompts: number },
): Promise<void> {
  const judge = await createJudge(runtime, model.evaluator);
  try {
    const files = await Promise.all(contestants.map(openFile));
    const table = await assembleRows({
      model,
      contestants,
      files,
      times: await readTimes(work),
      judge,
      captionOf: maker.captionOf,
      seeds: Number(values.seeds),
      frechetSeeds: Number(values.frechet),
    });
    const results: AblationResults = ablationSchema.parse({
      model: `models/${model.name}`,
      guidanceScale: model.guidanceScale,
      calibrationImages: CALIBRATION_IMAGES,
      firstSeed: FIRST_SEED,
      heldOutPrompts,
      measuredAt: new Date().toISOString(),
      machine: {
        ...describeMachine(),
        threads,
        int8FullRange,
      },
      versions: { Node: process.versions.node, 'ONNX Runtime': runtime.version },
      sd15: await readSd15(model),
      ...table,
    });
    // A part of the rows is for development: the committed table always has all of them.
    const name = values.rows === '' ? ablationFile(model.name, values.levers) : 'ablation-part';
    const place = values.rows === '' ? RESULTS : work;
    await mkdir(place, { recursive: true });
    await writeFile(path.join(place, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
    await writeFile(path.join(place, `${name}.svg`), renderFigure(model, results));
    const pictures = new Map<string, readonly RgbImage[]>();
    for (const [i, { row }] of contestants.entries()) pictures.set(row.id, await files[i]!.read(SHOWN));
    const sheet = values.levers ? undefined : renderSheet(model, results.rows, pictures, maker.captionOf);
    if (sheet) await writeFile(path.join(place, `${name}.png`), encodePng(sheet));
    const page = renderPage(results);
    await writeFile(path.join(place, `${name}.md`), page);
    console.log(`\n${page}`);
  } finally {
    await judge.dispose();
  }
}
