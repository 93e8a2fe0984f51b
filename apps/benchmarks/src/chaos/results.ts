import { z } from 'zod';
import { head, row } from '../page.js';

/** What `npm run chaos` writes. */
export const chaosSchema = z.object({
  measuredAt: z.string(),
  model: z.string(),
  steps: z.int(),
  scenarios: z.array(
    z.object({
      name: z.string(),
      /** Why this machine could not run it. */
      skipped: z.string().optional(),
      done: z.string().optional(),
      jobs: z.int().optional(),
      lost: z.int().optional(),
      recordedTwice: z.int().optional(),
      drawnTwice: z.int().optional(),
      begunAgain: z.int().optional(),
      otherwise: z.int().optional(),
    }),
  ),
  memory: z
    .object({
      pictures: z.int(),
      samples: z.array(z.object({ pictures: z.int(), bytes: z.number() })),
      bytesPerPicture: z.number(),
    })
    .optional(),
  clients: z
    .array(z.object({ bad: z.string(), asked: z.int(), served: z.int(), grownBytes: z.number() }))
    .optional(),
});

export type ChaosResults = z.output<typeof chaosSchema>;

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The tables, as Markdown. */
export function renderChaos({
  measuredAt,
  model,
  steps,
  scenarios,
  memory,
  clients,
}: ChaosResults): string[] {
  return [
    `Made by \`npm run chaos\` on ${measuredAt.slice(0, 10)}: ${model} with ${steps} steps, two workers of one thread. Pictures are held byte for byte against those of an undisturbed run without a queue; in the front's scenario, against what the same request gets afterwards.`,
    '',
    ...head(
      ...['while jobs are generated', 'what was done', 'jobs', 'lost', 'recorded twice', 'generated twice'],
      ...['begun again', 'other pictures'],
    ),
    ...scenarios.map(scenarioRow),
    '',
    '“Begun again” are generations that were ended in the middle, and that a worker began from the start; “generated twice” are pictures that were finished twice.',
    ...(memory ? ['', memoryLine(memory)] : []),
    ...(clients ? ['', ...clientRows(clients)] : []),
  ];
}

function scenarioRow(scenario: ChaosResults['scenarios'][number]): string {
  const { name, skipped, done = '', jobs, lost, recordedTwice, drawnTwice, begunAgain, otherwise } = scenario;
  if (skipped !== undefined) return row(name, `not run: ${skipped}`, '', '', '', '', '', '');
  const counts = [jobs, lost, recordedTwice, drawnTwice, begunAgain, otherwise];
  return row(name, done, ...counts.map((count) => String(count ?? '–')));
}

function memoryLine({ pictures, samples, bytesPerPicture }: NonNullable<ChaosResults['memory']>): string {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const growth = `${(bytesPerPicture / 1000).toFixed(1)} kB a picture`;
  return `One process drew ${pictures.toLocaleString('en')} pictures: ${megabytes(first.bytes)} of resident memory after ${first.pictures}, ${megabytes(last.bytes)} after ${last.pictures}; ${growth} over the second half, by least squares.`;
}

function clientRows(clients: NonNullable<ChaosResults['clients']>): string[] {
  return [
    ...head('while bad clients are at work', 'good requests', 'served', 'memory grew by at most'),
    ...clients.map(({ bad, asked, served, grownBytes }) =>
      row(bad, String(asked), String(served), megabytes(Math.max(0, grownBytes))),
    ),
  ];
}
