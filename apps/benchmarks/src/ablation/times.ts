import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { medianOf } from '@cachequant/evaluate';
import { z } from 'zod';
import type { Contestant } from './contestants.js';
import type { ImageMaker } from './images.js';

/** By fingerprint: time of an image over that of the original in the same round. */
const timesSchema = z.record(z.string(), z.array(z.number().positive()));

const FILE = 'times.json';

export type TimeRatios = z.output<typeof timesSchema>;

export async function readTimes(folder: string): Promise<TimeRatios> {
  const text = await readFile(path.join(folder, FILE), 'utf8').catch(() => '{}');
  return timesSchema.parse(JSON.parse(text));
}

export interface TimesRequest {
  /** Where the ratios are kept. */
  readonly folder: string;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * Makes an image with every contestant in turn, round by round, and keeps each time over that of the original in
 * the same round, so that a machine whose speed drifts slows both. Adds to the rounds of earlier runs.
 * @param original index of the contestant that the others are compared with
 */
export async function measureTimes(
  contestants: readonly (Contestant & { readonly maker: ImageMaker })[],
  original: number,
  { folder, rounds, signal, log }: TimesRequest,
): Promise<void> {
  const loaded = [];
  try {
    for (const { load, sampler, maker } of contestants)
      loaded.push({ denoiser: await load(), sampler, maker });
    for (const each of loaded) await each.maker.make(each, 0, 1);
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      const ms: number[] = [];
      for (const each of loaded) {
        const start = performance.now();
        await each.maker.make(each, round, 1);
        ms.push(performance.now() - start);
      }
      const times = await readTimes(folder);
      for (const [i, { fingerprint }] of contestants.entries()) {
        times[fingerprint] = [...(times[fingerprint] ?? []), ms[i]! / ms[original]!];
      }
      await writeFile(path.join(folder, FILE), JSON.stringify(times));
      log(`times: round ${round + 1} of ${rounds}, ${ms[original]!.toFixed(0)} ms by the original`);
    }
  } finally {
    await Promise.all(loaded.map(({ denoiser }) => denoiser.dispose()));
  }
}

export function timeOf(
  times: TimeRatios,
  fingerprint: string,
): { timeRatio: number | null; timeRounds: number } {
  const ratios = times[fingerprint] ?? [];
  return { timeRatio: ratios.length > 0 ? medianOf(ratios) : null, timeRounds: ratios.length };
}
