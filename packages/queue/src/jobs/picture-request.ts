import { createHash } from 'node:crypto';
import { z } from 'zod';

const SEED_LIMIT = 2 ** 53 - 1;

/** One picture, with the names of `GenerationRequest`. */
export const pictureRequestSchema = z.strictObject({
  prompt: z.string().optional(),
  negativePrompt: z.string().optional(),
  seed: z.int().min(0).max(SEED_LIMIT),
  steps: z.int().positive().optional(),
  guidanceScale: z.number().nonnegative().optional(),
  sampler: z.string().optional(),
  /** Pixels. */
  width: z.int().positive().optional(),
  /** Pixels. */
  height: z.int().positive().optional(),
  /** A picture to change, as files in base64. */
  change: z
    .strictObject({
      image: z.string(),
      mask: z.string().optional(),
      strength: z.number().positive().max(1).optional(),
    })
    .optional(),
});

/** One picture that is asked for; what is left out is as the model says. */
export type PictureRequest = z.output<typeof pictureRequestSchema>;

/** Raised when the same request has to give another picture. */
const FORM = 1;

/**
 * Names a picture by all that decides it: the model's fingerprint, and every field of the request. Equal requests have
 * equal keys.
 * @returns 64 hexadecimal digits
 */
export function pictureKey(fingerprint: string, request: PictureRequest): string {
  const { prompt, negativePrompt, seed, steps, guidanceScale, sampler, width, height, change } = request;
  const deciding = [
    FORM,
    fingerprint,
    prompt ?? null,
    negativePrompt ?? null,
    seed,
    steps ?? null,
    guidanceScale ?? null,
    sampler ?? null,
    width ?? null,
    height ?? null,
    // Pictures that are made from text alone keep the keys that they had.
    ...(change ? [change.image, change.mask ?? null, change.strength ?? null] : []),
  ];
  return createHash('sha256').update(JSON.stringify(deciding)).digest('hex');
}
