import { setMaxListeners } from 'node:events';
import { CacheQuantError, type Storage, throwIfAborted } from '@cachequant/tensor';
import { imageFileName } from '../options/generation-options.js';
import { savePicture } from '../pictures/save-picture.js';
import type { Progress } from '../print/progress.js';
import type { LineRequest, PromptLine } from './prompt-lines.js';
import { type LineRecord, type ResultsFile, requestHash } from './results-file.js';

/** The picture of a line. */
export interface DrawnLine {
  /** A PNG file. */
  readonly file: Uint8Array;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
}

/** What makes the pictures of a batch. */
export interface Artist {
  /** Of the model. */
  readonly fingerprint: string;
  /** Lines that are at work together. */
  readonly atOnce: number;
  draw(request: LineRequest, signal: AbortSignal): Promise<DrawnLine>;
}

export interface BatchOptions {
  readonly lines: readonly PromptLine[];
  readonly artist: Artist;
  /** The folder of the pictures. */
  readonly storage: Storage;
  readonly results: ResultsFile;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** Faults of a line itself; whatever else goes wrong would go wrong for the next line as well. */
const OF_LINE = new Set(['invalid-argument', 'unsupported', 'bundle', 'non-finite', 'shape', 'runtime']);
/** Lines that may fail one after another by the runtime, before it is taken for broken. */
const MOST_RUNTIME_FAULTS = 3;

/**
 * Draws the lines that have no result yet, and records each once: first the picture, then the line that says so.
 * @throws CacheQuantError `aborted`, and what is no fault of a single line
 */
export async function runBatch(options: BatchOptions): Promise<void> {
  const { lines, results, progress, artist } = options;
  const left = lines.filter(({ line }) => !results.records.has(line));
  if (left.length < lines.length) {
    progress.note(`${lines.length - left.length} of ${lines.length} lines are done already`);
  }
  if (left.length === 0) return;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])]);
  // Every line that is at work listens.
  setMaxListeners(0, signal);
  const digits = String(lines.at(-1)!.line).length;
  let [next, done, runtimeFaults] = [0, 0, 0];
  progress.update('pictures', 0, left.length);
  const work = async () => {
    while (next < left.length) {
      const line = left[next++]!;
      throwIfAborted(signal);
      const record = await resultOf(line, digits, options, signal);
      runtimeFaults = record.error?.code === 'runtime' ? runtimeFaults + 1 : 0;
      if (runtimeFaults >= MOST_RUNTIME_FAULTS) throw brokenRuntime(record);
      await results.add(record);
      done += 1;
      progress.update('pictures', done, left.length);
    }
  };
  const works = Array.from({ length: Math.min(artist.atOnce, left.length) }, work);
  try {
    await Promise.all(works);
  } catch (error) {
    stop.abort(error);
    // What is drawn already is recorded before the run ends.
    await Promise.allSettled(works);
    throw error;
  }
}

async function resultOf(
  { line, id, request }: PromptLine,
  digits: number,
  { artist, storage }: BatchOptions,
  signal: AbortSignal,
): Promise<LineRecord> {
  const about = {
    line,
    ...(id !== undefined && { id }),
    request: requestHash(artist.fingerprint, request),
    seed: request.seed,
  };
  try {
    const { file, width, height, seconds, warnings } = await artist.draw(request, signal);
    const name = `${String(line).padStart(digits, '0')}-${imageFileName({ prompt: request.prompt, seed: request.seed })}`;
    const saved = await savePicture(storage, name, file);
    const shown = warnings.length > 0 ? { warnings: [...warnings] } : {};
    return { ...about, file: saved, width, height, seconds: Math.round(seconds * 1000) / 1000, ...shown };
  } catch (error) {
    throwIfAborted(signal);
    if (!CacheQuantError.is(error) || !OF_LINE.has(error.code)) throw error;
    const { code, message, where } = error;
    return { ...about, error: { code, message, ...(where !== undefined && { where }) } };
  }
}

function brokenRuntime({ line, error }: LineRecord): CacheQuantError {
  return new CacheQuantError('runtime', `${MOST_RUNTIME_FAULTS} lines in a row failed by the runtime`, {
    where: `line ${line}`,
    got: error?.message ?? '',
    hint: 'There may be too little memory. The same command goes on from here',
  });
}
