import { z } from 'zod';
import { head, row } from '../page.js';

const latencySchema = z.object({ medianMs: z.number(), p95Ms: z.number(), picturesPerHour: z.number() });

/** What `npm run bench:serve` writes. */
export const serveSchema = z.object({
  measuredAt: z.string(),
  machine: z.object({ processor: z.string(), cores: z.int(), memoryBytes: z.number() }),
  bundle: z.string(),
  /** Dollars. */
  pricePerCoreHour: z.number(),
  /** Requests of each number of clients, and pictures of each batch. */
  requests: z.int(),
  batch: z.int(),
  clients: z.record(z.string(), latencySchema),
  queue: z.object({ directMs: z.number(), queueMs: z.number(), repeatMs: z.number() }),
  /** Pictures an hour. */
  workers: z.object({ oneOfTwo: z.number(), twoOfOne: z.number() }),
});

export type ServeResults = z.output<typeof serveSchema>;

/** Threads of all measurements together. */
const CORES = 2;

/** The tables, as Markdown. */
export function serveTables(results: ServeResults): string[] {
  const { machine, clients, queue, workers, pricePerCoreHour } = results;
  const cost = (perHour: number) => `$${((1000 * CORES * pricePerCoreHour) / perHour).toFixed(4)}`;
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const perHour = (value: number) => Math.round(value).toLocaleString('en');
  return [
    `Measured on ${results.measuredAt.slice(0, 10)} by \`npm run bench:serve\`: ${results.bundle}; ${machine.processor}, ${CORES} threads; $${pricePerCoreHour} for a core and hour.`,
    '',
    ...head(
      'one server of two threads',
      'median',
      '95th percentile',
      'pictures an hour and core',
      '1,000 pictures',
    ),
    ...Object.entries(clients).map(([count, { medianMs, p95Ms, picturesPerHour }]) =>
      row(
        count === '1' ? '1 client' : `${count} clients`,
        ...[ms(medianMs), ms(p95Ms), perHour(picturesPerHour / CORES), cost(picturesPerHour)],
      ),
    ),
    '',
    ...head('a file of prompts over a queue', 'pictures an hour and core', '1,000 pictures'),
    row('one worker of two threads', perHour(workers.oneOfTwo / CORES), cost(workers.oneOfTwo)),
    row('two workers of one thread', perHour(workers.twoOfOne / CORES), cost(workers.twoOfOne)),
    '',
    ...head('one client', 'median'),
    row('a server that generates itself', ms(queue.directMs)),
    row(
      'a front, a queue and a worker',
      `${ms(queue.queueMs)} (${(queue.queueMs - queue.directMs).toFixed(0)} ms more)`,
    ),
    row('the same request again', ms(queue.repeatMs)),
  ];
}
