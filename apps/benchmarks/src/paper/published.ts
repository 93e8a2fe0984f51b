import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ROOT } from '../paths.js';

/** Ways to run a model that the paper and the ablation both have. */
const ROLES = ['original', 'integers', 'uniform', 'uniform-integers', 'planned-integers', 'recipe'] as const;

/** A way to run a model; `ours` is what the paper does not have. */
export type Role = (typeof ROLES)[number] | 'ours';

const rowSchema = z.strictObject({
  /** As the paper names it. */
  method: z.string(),
  /** Absent where the ablation has nothing like it. */
  role: z.enum(ROLES).optional(),
  /** Network calls per refresh; absent without a cache, and where it is not known. */
  interval: z.int().positive().optional(),
  /** How many times as fast as float: latency of one picture on an RTX 3090. */
  speed: z.number().positive().optional(),
  /** Bytes of float32 weights over those of the row. */
  compression: z.number().positive().optional(),
  fid: z.number().optional(),
  /** Where it is not that of the family's float row. */
  floatFid: z.number().optional(),
  inceptionScore: z.number().optional(),
  clip: z.number().optional(),
  /** Against float. */
  clipChange: z.number().optional(),
  /** Multiply-adds × bits of weights × bits of activations, in 10¹². */
  bitOperations: z.number().optional(),
  from: z.array(z.enum(['text', 'summary', 'figure', 'note', 'derived'])).min(1),
  doubt: z.string().optional(),
});

export type PublishedRow = z.output<typeof rowSchema>;

const curveSchema = z.strictObject({
  method: z.string(),
  measure: z.enum(['FID', 'CLIP']),
  /** Speed and measure, read off a figure. */
  points: z.array(z.tuple([z.number(), z.number()])).min(2),
});

const familySchema = z.strictObject({
  id: z.enum(['latent-diffusion', 'stable-diffusion', 'transformer', 'pixel-diffusion']),
  model: z.string(),
  setting: z.string(),
  rows: z.array(rowSchema),
  curves: z.array(curveSchema),
});

/** What the paper publishes of one kind of model. */
export type PublishedFamily = z.output<typeof familySchema>;

const publishedSchema = z.strictObject({
  paper: z.string(),
  origin: z.string(),
  families: z.array(familySchema),
});

export async function readPublished(): Promise<z.output<typeof publishedSchema>> {
  const file = path.join(ROOT, 'apps/benchmarks/paper/published.json');
  return publishedSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}
