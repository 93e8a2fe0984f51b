import { CacheQuantError, parseJson } from '@cachequant/tensor';
import { z } from 'zod';
import type { Verification } from './verification.js';

/** JSON has no infinity: a PSNR of equal pictures is null in the file. */
const decibels = z.number().nullable();
const milliseconds = z.number().nonnegative();
const imageTimes = z.looseObject({
  calls: z.array(z.looseObject({ kind: z.string(), ms: milliseconds })),
  decoderMs: milliseconds,
});

/** What readers rely on; whatever else a version writes is kept. */
const verificationSchema = z.looseObject({
  images: z.number().int().nonnegative(),
  psnr: decibels,
  psnrInterval: z.tuple([decibels, decibels]),
  ssim: z.number().nullable(),
  secondsPerImage: z.looseObject({ original: z.number(), optimized: z.number() }),
  speedup: z.number().nullable(),
  times: z.looseObject({ original: imageTimes, optimized: imageTimes }),
  cacheHits: z.looseObject({ full: z.number(), cached: z.number() }),
  errorPerCall: z.looseObject({
    corrected: z.array(z.number().nullable()),
    uncorrected: z.array(z.number().nullable()),
  }),
  coverage: z.looseObject({
    plannedShare: z.number(),
    integerShare: z.number().nullish(),
    missed: z.array(z.string()),
    operators: z.array(z.looseObject({ opType: z.string(), ms: milliseconds, count: z.number() })),
  }),
});

/**
 * Reads what a bundle says of its own measurement.
 * @throws CacheQuantError `bundle` for a file of another form
 */
export function parseVerification(text: string, where: string): Verification {
  const parsed = verificationSchema.safeParse(parseJsonOf(text, where));
  if (parsed.success) return parsed.data as unknown as Verification;
  const issue = parsed.error.issues[0]!;
  throw damaged(
    where,
    [issue.path.map(String).join('.'), issue.message].filter((part) => part !== '').join(': '),
  );
}

function parseJsonOf(text: string, where: string): unknown {
  try {
    return parseJson(text, where);
  } catch (cause) {
    throw damaged(where, CacheQuantError.is(cause) ? cause.message : String(cause), cause);
  }
}

function damaged(where: string, got: string, cause?: unknown): CacheQuantError {
  return new CacheQuantError('bundle', 'the verification is damaged', {
    where,
    got,
    hint: 'Remove the file, or copy the bundle again.',
    cause,
  });
}
