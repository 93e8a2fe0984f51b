import { z } from 'zod';

const quality = z.object({
  /** Decibels against the float original, mean over the images. */
  psnr: z.number(),
  /** 95 % interval of the mean. */
  interval: z.tuple([z.number(), z.number()]),
  /** By image. */
  images: z.array(z.number()),
  denoiserBytes: z.int(),
});

/** What `npm run bench:w4a8` writes. */
export const w4a8ResultsSchema = z.object({
  model: z.string(),
  measuredAt: z.string(),
  processor: z.string(),
  sampler: z.string(),
  calls: z.int(),
  interval: z.int(),
  calibrationImages: z.int(),
  heldOutImages: z.int(),
  floatBytes: z.int(),
  rows: z.array(
    z.object({
      id: z.string(),
      label: z.string(),
      /** The full graph at every call; the original itself in float. */
      uncached: quality.nullable(),
      cached: quality,
      /** Mean over the layers of their outputs' signal to rounding noise on calibration inputs, in decibels. */
      rounding: z.object({ nearest: z.number(), secondOrder: z.number(), layers: z.int() }).nullable(),
    }),
  ),
});

export type W4a8Results = z.output<typeof w4a8ResultsSchema>;
export type W4a8Row = W4a8Results['rows'][number];
