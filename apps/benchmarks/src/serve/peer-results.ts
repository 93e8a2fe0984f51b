import { z } from 'zod';
import { head, row } from '../page.js';
import { machineSchema } from '../results.js';

const serverSchema = z.object({
  name: z.string(),
  /** From the request to the whole answer, one for each round. */
  seconds: z.array(z.number().positive()).min(1),
  /** The most that was resident. */
  peakBytes: z.number(),
  /** Steps of the last picture that its cache skipped whole, where it says so. */
  skippedSteps: z.int().optional(),
});
/** What one server took. */
export type PeerServer = z.output<typeof serverSchema>;

/** What `npm run bench:serve -- --peers` writes. */
export const peerServersSchema = z.object({
  measuredAt: z.string(),
  machine: machineSchema,
  peer: z.string(),
  threads: z.int(),
  request: z.object({
    prompt: z.string(),
    width: z.int(),
    height: z.int(),
    steps: z.int(),
    cfg_scale: z.number(),
    sampler_name: z.string(),
  }),
  servers: z.array(serverSchema).min(1),
});
export type PeerServers = z.output<typeof peerServersSchema>;

/** What is measured when nothing else is asked for. */
export const QUICK = { size: 256, steps: 10, rounds: 3 } as const;

const HOUR = 3600;

/** The table, as Markdown. */
export function peerServerTables({
  measuredAt,
  machine,
  peer,
  threads,
  request,
  servers,
}: PeerServers): string[] {
  const { width, height, steps, sampler_name: sampler, cfg_scale: scale } = request;
  const rounds = servers[0]!.seconds.length;
  return [
    `Measured on ${measuredAt.slice(0, 10)} by \`npm run bench:serve -- --peers${optionsOf({ size: width, steps, rounds })}\`: Stable Diffusion 1.5 with seeded weights, ` +
      `${width}×${height} pixels, ${steps} steps of ${sampler}, guidance scale ${scale}; ${machine.processor} ${machine.int8FullRange ? 'with' : 'without'} VNNI, ${threads} threads. ` +
      `One client, one picture at a time, the servers in turn, ${rounds === 1 ? 'one picture' : `${rounds} pictures`} each; the peer is ${peer}, asked by the same ` +
      'requests (`/sdapi/v1/txt2img`). Time and memory do not depend on what the weights are; pictures do, and are not compared.',
    '',
    ...head('server', 'median', 'least and most', 'pictures an hour', 'resident at most'),
    ...servers.map(({ name, seconds, peakBytes, skippedSteps }) => {
      const sorted = [...seconds].sort((a, b) => a - b);
      const middle = median(sorted);
      return row(
        skippedSteps === undefined ? name : `${name} (computes ${steps - skippedSteps} of ${steps} steps)`,
        `${middle.toFixed(1)} s`,
        `${sorted[0]!.toFixed(1)}–${sorted.at(-1)!.toFixed(1)} s`,
        (HOUR / middle).toFixed(0),
        `${(peakBytes / 2 ** 30).toFixed(2)} GiB`,
      );
    }),
  ];
}

/** What a run was asked for that is not measured anyway. */
const optionsOf = (given: Readonly<Record<keyof typeof QUICK, number>>): string =>
  (['size', 'steps', 'rounds'] as const)
    .filter((option) => given[option] !== QUICK[option])
    .map((option) => ` --${option} ${given[option]}`)
    .join('');

function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
