import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, type Place, parsedLines, until } from './processes.js';

/** What is to be drawn, and by what. */
export interface Jobs {
  /** A model folder or a bundle. */
  readonly model: string;
  readonly steps: number;
  readonly count: number;
  /** How often something happens to them. */
  readonly times: number;
  /** Left out of the lines of a model without text. */
  readonly prompt: string | undefined;
}

/** What became of the jobs of a scenario. */
export interface Tally {
  readonly jobs: number;
  /** Jobs without a picture at the end. */
  readonly lost: number;
  /** Jobs with two results. */
  readonly recordedTwice: number;
  /** Pictures that were drawn to their end twice. */
  readonly drawnTwice: number;
  /** Drawings that were begun and not ended: what a kill costs. */
  readonly begunAgain: number;
  /** Pictures that are other than without any trouble; undefined where it was not compared. */
  readonly otherwise: number | undefined;
}

/** What was done to them, and what became of them. */
export interface ScenarioResult extends Tally {
  /** What was done, how often. */
  readonly done: string;
}

/** After which a job of a worker that is gone goes to another; short, so that scenarios are. */
export const TAKEOVER_SECONDS = 3;

export function writePrompts(place: Place, { count, prompt, steps }: Jobs): void {
  const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ prompt, seed: 1000 + i, steps }));
  writeFileSync(place.in('prompts.jsonl'), `${lines.join('\n')}\n`);
}

export function startWorker(place: Place, jobs: Jobs, queue: string, within?: readonly string[]): Command {
  const argv = ['worker', jobs.model, ...queueArguments(place, queue)];
  return place.start(
    [...argv, '--threads', '1', '--warm-up-steps', '1', '--takeover', String(TAKEOVER_SECONDS)],
    within,
  );
}

export async function ready(command: Command): Promise<void> {
  await until('a worker starts', () => command.log().some(({ msg }) => msg === 'ready'), { command });
}

/** Draws the prompts by workers, or here where there is no queue. */
export function startBatch(place: Place, { model }: Jobs, queue: string | undefined, out = 'out'): Command {
  const argv = ['--prompts', 'prompts.jsonl', '--out', out];
  return queue === undefined
    ? place.start(['generate', model, ...argv, '--threads', '1'])
    : place.start(['generate', path.basename(model), ...argv, ...queueArguments(place, queue)]);
}

export function queueArguments(place: Place, queue: string): string[] {
  return ['--queue', queue, '--pictures', place.in('pictures')];
}

function resultsOf(place: Place, out = 'out'): Record<string, unknown>[] {
  return parsedLines(path.join(place.in(out), 'results.jsonl'));
}

/** Calls at each of these numbers of results, until the batch has ended. */
export async function atResults(
  place: Place,
  thresholds: readonly number[],
  batch: () => Command,
  act: (at: number) => Promise<void>,
): Promise<void> {
  for (const [at, threshold] of thresholds.entries()) {
    const isReached = () => resultsOf(place).length >= threshold;
    await until(`${threshold} results`, isReached, { command: batch() });
    await act(at);
  }
}

/** Numbers of results, evenly spread, at which something happens `times` times. */
export function spread(count: number, times: number): number[] {
  return Array.from({ length: times }, (_, i) => Math.floor(((i + 1) * count) / (times + 1)));
}

/**
 * Counts what became of a batch.
 * @param reference a folder with the results of an undisturbed run
 */
export function tallyBatch(place: Place, { count }: Jobs, reference?: Place): Tally {
  const records = resultsOf(place);
  const files = new Map(
    records.filter(({ file }) => file !== undefined).map(({ line, file }) => [line, String(file)]),
  );
  const differing = [...files.values()].filter(
    (name) =>
      reference && !isSameFile(path.join(place.in('out'), name), path.join(reference.in('out'), name)),
  );
  return {
    jobs: count,
    lost: count - files.size,
    recordedTwice: records.length - new Set(records.map(({ line }) => line)).size,
    ...drawings(place.logs('worker')),
    otherwise: reference && differing.length,
  };
}

/** By the workers' logs. */
export function drawings(log: readonly Record<string, unknown>[]) {
  const jobsOf = (what: string) => log.filter(({ msg }) => msg === what).map(({ job }) => job);
  const [begun, ended] = [jobsOf('drawing'), jobsOf('drawn')];
  return {
    drawnTwice: ended.length - new Set(ended).size,
    begunAgain: begun.length - new Set(begun).size,
  };
}

function isSameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && readFileSync(a).equals(readFileSync(b));
}
