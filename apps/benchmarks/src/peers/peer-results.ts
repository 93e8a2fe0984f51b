import { z } from 'zod';
import { machineSchema, spreadSchema } from '../results.js';

const contestant = z.object({
  name: z.string(),
  full: spreadSchema,
  /** With features from a refresh; missing where there is no cache. */
  cached: spreadSchema.optional(),
  /** Of the full call's output against ONNX Runtime's float one: signal to noise in dB. */
  sqnrDb: z.number().optional(),
  versions: z.record(z.string(), z.string()),
});

const loop = z.object({
  name: z.string(),
  sampler: z.string(),
  steps: z.int(),
  interval: z.int(),
  seconds: z.number().positive(),
  /** Against ONNX Runtime's float loop of the same block. */
  speedup: z.number().positive(),
  /** A loop that ran; otherwise summed up from the medians of full and cached calls. */
  measured: z.boolean(),
});

/** What `npm run bench:peers` writes. */
export const peerResultsSchema = z.object({
  model: z.string(),
  mode: z.enum(['quick', 'full']),
  latentSize: z.int(),
  batch: z.literal(2),
  tokens: z.int(),
  threads: z.int(),
  measuredAt: z.string(),
  machine: machineSchema.extend({ bfloat16: z.boolean() }),
  cut: z.string(),
  /** Within a block all calls were made in turn; it has the anchors first. */
  blocks: z.array(z.object({ name: z.string(), contestants: z.array(contestant) })),
  /** How many times as fast our full call is as the fastest peer's in the same block; above 1 is faster. */
  fullCallAgainstBestPeer: z.object({
    peer: z.string(),
    ratio: z.number(),
    /** The same of our bundle in OpenVINO, where it ran. */
    inOpenVino: z.number().optional(),
  }),
  loops: z.array(loop),
});

export type PeerResults = z.output<typeof peerResultsSchema>;
export type Contestant = z.output<typeof contestant>;
export type PeerLoop = z.output<typeof loop>;
