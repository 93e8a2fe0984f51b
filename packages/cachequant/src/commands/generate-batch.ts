import { resolve } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError } from '@cachequant/tensor';
import { localArtist } from '../batch/local-artist.js';
import {
  checkLines,
  type PromptLine,
  readPromptLines,
  requirePrompts,
  requireText,
} from '../batch/prompt-lines.js';
import { queueArtist } from '../batch/queue-artist.js';
import { openResults, RESULTS } from '../batch/results-file.js';
import { type Artist, runBatch } from '../batch/run-batch.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { modelIdentity } from '../model-sources/model-identity.js';
import { openGenerator } from '../model-sources/open-generator.js';
import { openWholeModel } from '../model-sources/open-model.js';
import { decoderOptionsOf } from '../options/decoder-options.js';
import { type GenerationOptions, promptOptionsOf } from '../options/generation-options.js';
import { requireWritableFolder } from '../options/output-folder.js';
import { openArchive, type QueueOptions, requireQueueOptions } from '../options/queue-options.js';
import { readTextFile } from '../options/read-file.js';
import { UsageError } from '../options/usage-error.js';
import { formatSeconds } from '../print/format.js';
import { createProgress, type Progress } from '../print/progress.js';
import { openRuntime } from '../runtimes.js';

/** Options of a run over a file of prompts. */
export interface BatchCommandOptions extends GenerationOptions, QueueOptions {
  readonly prompts: string;
  readonly out: string;
  readonly metadata: boolean;
  readonly retryErrors?: boolean;
  readonly like?: string;
}

interface Batch {
  readonly lines: readonly PromptLine[];
  /** Of the file. */
  readonly name: string;
  readonly out: string;
  readonly options: BatchCommandOptions;
  readonly io: CliIo;
  readonly progress: Progress;
}

/** How long a queue may take to answer at the start. */
const REACH_SECONDS = 10;

/**
 * Draws a file of prompts: by a model of this machine, or by workers.
 * @throws UsageError for options that do not go with it, CacheQuantError when a line failed
 */
export async function generateBatch(given: string, options: BatchCommandOptions, io: CliIo): Promise<void> {
  refuseOthers(options);
  const name = options.prompts === '-' ? 'the standard input' : options.prompts;
  const { negativePrompt, seed, steps, guidanceScale, sampler, width, height } = options;
  const defaults = { negativePrompt, seed, steps, guidanceScale, sampler, width, height };
  const lines = readPromptLines(await readText(options.prompts, io), name, defaults);
  const out = resolve(io.cwd, options.out);
  refusePromptOptions(options);
  refusePictures(options);
  await requireWritableFolder(out, `--out ${options.out}`);
  const progress = createProgress(io.stderr);
  const batch = { lines, name, out, options, io, progress };
  try {
    await (options.queue === undefined ? drawHere(given, batch) : drawByWorkers(given, batch));
  } finally {
    progress.stop();
  }
}

/** Lines say nothing of pictures. */
function refusePictures(options: BatchCommandOptions): void {
  const flags = { image: '--image', controlImage: '--control-image', refiner: '--refiner' } as const;
  const given = (['image', 'controlImage', 'refiner'] as const).find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new UsageError(`${flags[given]} does not go with --prompts: give the prompts one by one`);
}

/** Results that were drawn with other ones would be taken up, and workers do not know of them. */
function refusePromptOptions(options: BatchCommandOptions): void {
  if (Object.keys(promptOptionsOf(options)).length === 0) return;
  throw new UsageError(
    "options '--clip-skip', '--prompt-weights' and '--prompt-chunks' are not for --prompts: a bundle that was optimized with them reads prompts so",
  );
}

async function drawHere(given: string, batch: Batch): Promise<void> {
  const { lines, name, options, io, progress } = batch;
  const location = await openWholeModel(given, options, io, progress);
  await requirePrompts(lines, name, location);
  const artist = localArtist({
    identity: await modelIdentity(location, io.signal),
    openRuntime: () => openRuntime(options),
    openGenerator: (runtime) => openGenerator(location, runtime, decoderOptionsOf(options)),
    metadata: options.metadata,
    strict: options.strict ?? false,
  });
  try {
    await recorded(batch, artist, async (left) => {
      const generator = await artist.generator();
      await checkLines(left, name, async (request) => generator.check(request));
    });
  } finally {
    await artist.dispose();
  }
}

async function drawByWorkers(given: string, batch: Batch): Promise<void> {
  const { lines, name, options, io } = batch;
  const place = requireQueueOptions(options);
  const { findModel, PictureQueue } = await import('@cachequant/queue');
  const archive = await openArchive(place.pictures, io.cwd);
  const queue = new PictureQueue({ address: place.queue, archive });
  try {
    await queue.reach(REACH_SECONDS);
    const model = findModel(await queue.models(), given);
    requireText(lines, name, model.takesText);
    const artist = queueArtist({
      ...{ queue, model, metadata: options.metadata, strict: options.strict ?? false },
    });
    await recorded(batch, artist, async () => {});
  } finally {
    await queue.close();
    archive.dispose();
  }
}

/** Draws what has no result yet, then says how it went. */
async function recorded(
  { lines, out, options, io, progress }: Batch,
  artist: Artist,
  check: (left: readonly PromptLine[]) => Promise<void>,
): Promise<void> {
  const storage = nodeStorage(out);
  const lock = await storage.lock(RESULTS).catch((error) => {
    if (CacheQuantError.is(error) && error.code === 'unsupported') return undefined;
    throw error;
  });
  try {
    const results = await openResults(out, lines, artist.fingerprint, options.retryErrors ?? false);
    try {
      const left = lines.filter(({ line }) => !results.records.has(line));
      if (left.length > 0) await check(left);
      const begun = performance.now();
      await runBatch({ lines, artist, storage, results, progress, signal: io.signal });
      progress.stop();
      const records = [...results.records.values()];
      report(records.filter(({ error }) => error).length, begun, left.length, lines.length, options, io);
    } finally {
      await results.close();
    }
  } finally {
    await lock?.release();
  }
}

function report(
  failed: number,
  begun: number,
  drawn: number,
  lines: number,
  { out, json }: BatchCommandOptions,
  io: CliIo,
): void {
  const results = `${out.replace(/\/$/, '')}/${RESULTS}`;
  if (failed > 0) {
    throw new CacheQuantError(
      'invalid-argument',
      `${failed} of ${lines} lines failed, the others are drawn`,
      {
        where: results,
        hint: 'It says why, line by line; --retry-errors draws them again',
      },
    );
  }
  const seconds = (performance.now() - begun) / 1000;
  if (json) writeJson(io, { lines, drawn, failed, seconds, results });
  else {
    const pace = drawn > 0 ? `, ${drawn} of them now in ${formatSeconds(seconds)}` : '';
    writeLines(io.stdout, [`${lines} pictures${pace}; ${results} says which is which`]);
  }
}

function refuseOthers(options: BatchCommandOptions): void {
  const { prompt, like, count, queue, threads, revision, lora, config, tokenizer, prediction } = options;
  if (prompt !== undefined) throw new UsageError('give either --prompt or --prompts');
  if (like !== undefined) throw new UsageError('give either --like or --prompts');
  if (count !== 1) throw new UsageError('--count does not go with --prompts: give a line for each picture');
  if (queue === undefined) return;
  const { tinyDecoder, decoder, decodeTile } = options;
  const ofModel = {
    threads,
    revision,
    lora,
    config,
    tokenizer,
    prediction,
    decoder,
    tinyDecoder,
    decodeTile,
  };
  const [option] = Object.entries(ofModel).find(([, value]) => value !== undefined) ?? [];
  if (option !== undefined)
    throw new UsageError(`--${kebab(option)} does not go with --queue: it is the workers' affair`);
}

function kebab(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

async function readText(path: string, { cwd, stdin }: CliIo): Promise<string> {
  if (path !== '-') return readTextFile(resolve(cwd, path));
  const chunks: Buffer[] = [];
  for await (const chunk of stdin ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
