import { z } from 'zod';

export const spreadSchema = z.object({
  medianMs: z.number().positive(),
  /** First and third quartile. */
  quartilesMs: z.tuple([z.number().positive(), z.number().positive()]),
  calls: z.int().positive(),
});

const operators = z.array(z.object({ opType: z.string(), ms: z.number(), count: z.int() }));

export const machineSchema = z.object({
  processor: z.string(),
  cores: z.int(),
  memoryBytes: z.number(),
  /** Whether products of 8-bit integers keep their whole range, as with VNNI. */
  int8FullRange: z.boolean(),
});

const loops = z.array(
  z.object({
    /** Of the loop in float; also of ours, unless its calls were searched for among 50 steps of DPM-Solver++. */
    sampler: z.string(),
    steps: z.int(),
    interval: z.int(),
    /** What refreshes compute; in results of before, cached calls computed both halves too. */
    refreshes: z.enum(['both halves', 'late ones one half', 'searched']).default('both halves'),
    /** How many calls a search has chosen of each kind. */
    searched: z.object({ full: z.int(), conditional: z.int(), cached: z.int() }).optional(),
    floatSeconds: z.number(),
    seconds: z.number(),
    speedup: z.number(),
  }),
);

/** What `npm run bench` writes. */
export const resultsSchema = z.object({
  model: z.string(),
  mode: z.enum(['quick', 'full']),
  /** Height and width of the latents; the batch is 2, for both halves of guidance. */
  latentSize: z.int(),
  batch: z.literal(2),
  tokens: z.int(),
  measuredAt: z.string(),
  machine: machineSchema,
  versions: z.record(z.string(), z.string()),
  /** Interleaved in one run. */
  calls: z.record(z.string(), spreadSchema),
  fullStepSpeedup: z.number().positive(),
  cachedCallShare: z.number().positive(),
  /** From noise to latents. */
  loops,
  /** The parts that run once an image. */
  stages: z.array(
    z.object({
      part: z.string(),
      form: z.string(),
      reason: z.string(),
      float: spreadSchema,
      ours: spreadSchema,
      floatBytes: z.number(),
      bytes: z.number(),
    }),
  ),
  /** A tiny decoder of TAESD's size, in float, in place of the decoder. */
  tinyDecoder: spreadSchema.optional(),
  /** The loops with those parts: from prompt to pixels. */
  images: loops,
  /** Of all graphs and weights. */
  folderBytes: z.object({ float: z.number(), ours: z.number() }),
  /** Everything under denoiser/ against the float weights. */
  sizeRatio: z.number(),
  denoiserBytes: z.number(),
  floatBytes: z.number(),
  /** Of the multiply-adds of convolutions and linear layers: planned as integers, and of those, run as integers. */
  plannedShare: z.number(),
  integerShare: z.number(),
  optimizePeakBytes: z.number(),
  optimizeSeconds: z.number(),
  serveResidentBytes: z.number(),
  /** Milliseconds from the start of a process that serves until both graphs are loaded, and until its first call is made. */
  start: z.object({ loadedMs: z.number(), firstCallMs: z.number() }).optional(),
  profile: z.object({ float: operators, int8: operators, cached: operators }),
});

/** Of a file: processors with VNNI and those without have results of their own. */
export function resultsName(
  name: string,
  full: boolean,
  { int8FullRange }: Pick<z.output<typeof machineSchema>, 'int8FullRange'>,
): string {
  return `${name}${full ? '-full' : ''}${int8FullRange ? '' : '-no-vnni'}`;
}

export type BenchResults = z.output<typeof resultsSchema>;
export type Spread = z.output<typeof spreadSchema>;
