import { earlierNames } from '@cachequant/pipeline/internals';
import { z } from 'zod';

/** Earlier bundles call the calls that refresh the cache steps. */
const REFRESHES = earlierNames({ refreshSteps: 'refreshCalls' });

const number = z.union([
  z.number(),
  z.enum(['Infinity', '-Infinity', 'NaN']).transform((name) => Number(name)),
]);

const picture = z.object({
  png: z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
  width: z.number(),
  height: z.number(),
});

const row = z.object({
  id: z.string(),
  label: z.string(),
  secondsPerImage: number,
  speedup: number,
  denoiserBytes: number,
  totalBytes: number,
  psnr: number.nullable(),
  psnrInterval: z.tuple([number, number]).nullable(),
  ssim: number.nullable(),
});

const stageTimes = z.object({
  textEncoderMs: number,
  calls: z.array(z.object({ kind: z.enum(['float', 'full', 'cached']), ms: number })),
  decoderMs: number,
});

const candidate = z.preprocess(
  REFRESHES,
  z.object({
    schedule: z.string(),
    correction: z.string(),
    refreshCalls: z.array(z.number()),
    psnr: number,
    chosen: z.boolean(),
  }),
);

const pair = z.object({
  prompt: z.string(),
  seed: z.number(),
  original: picture,
  optimized: picture,
  psnr: number,
  ssim: number,
});

const layer = z.object({
  id: z.string(),
  kind: z.string(),
  compute: z.enum(['integer', 'float']),
  reason: z.string(),
  sqnr: number,
  floatMs: number,
  integerMs: number,
  networkDb: number.optional(),
});

/** `ReportData` as it lies in a bundle. */
export const reportSchema = z.preprocess(
  REFRESHES,
  z.object({
    title: z.string(),
    createdAt: z.string(),
    versions: z.record(z.string(), z.string()),
    settings: z.array(z.object({ name: z.string(), value: z.string() })),
    rows: z.array(row),
    times: z.object({ original: stageTimes, optimized: stageTimes }),
    denoiserItems: z.array(z.object({ name: z.string(), bytes: number })),
    sourceDenoiserBytes: number,
    distances: z.object({
      calls: z.number(),
      window: z.number(),
      distance: z.array(number).transform((values) => Float64Array.from(values)),
    }),
    refreshCalls: z.array(z.number()),
    candidates: z.array(candidate),
    errorPerCall: z.object({ corrected: z.array(number), uncorrected: z.array(number) }),
    cacheHits: z.object({ full: number, cached: number }),
    coverage: z.object({
      integerShare: number.optional(),
      plannedShare: number,
      operators: z.array(z.object({ opType: z.string(), ms: number, count: number })),
    }),
    layers: z
      .object({
        measured: z.array(layer),
        networkDb: z.object({ allInteger: number, chosen: number }),
        floor: number,
      })
      .optional(),
    pictures: z.array(pair),
    leftOut: z.array(z.object({ what: z.string(), why: z.string() })),
    /** Bundles of earlier versions have none. */
    warnings: z.array(z.string()).optional(),
  }),
);
