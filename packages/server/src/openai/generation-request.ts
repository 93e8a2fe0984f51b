import { z } from 'zod';
import { PICTURE_FORMATS } from '../drawing/pictures.js';
import type { ServerLimits } from '../limits.js';

/** Seeds of a request go up from the first one, and must stay exact. */
const SEED_LIMIT = 2 ** 53 - 1 - 1000;
const SIZE = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/;

/** OpenAI's request has null wherever a field may be left out. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** The body of POST /v1/images/generations: OpenAI's fields, and below them those that OpenAI has no word for. */
export function generationSchema({ promptCharacters, pictures, steps, pixels }: ServerLimits) {
  const text = z.string().max(promptCharacters);
  return z.strictObject({
    prompt: text.describe('What to draw; empty for a model that takes no text'),
    model: optional(z.string()).describe('A name out of /v1/models; left out: the first one'),
    n: optional(z.int().min(1).max(pictures)).describe('Pictures; 1 when left out'),
    size: optional(z.string().refine((size) => isPossibleSize(size, pixels), sizeMessage(pixels))).describe(
      'Width and height as in 512x512; auto and left out: as the model was trained',
    ),
    response_format: optional(z.enum(['b64_json', 'url'])).describe('b64_json when left out'),
    output_format: optional(z.enum(PICTURE_FORMATS)).describe('png when left out'),
    output_compression: optional(z.int().min(0).max(100)).describe(
      'Quality of a JPEG or WebP; 100 when left out',
    ),
    background: optional(z.enum(['auto', 'opaque'])).describe('Pictures are opaque'),
    quality: optional(z.string()).describe('Has no effect: see num_inference_steps'),
    style: optional(z.string()).describe('Has no effect'),
    moderation: optional(z.string()).describe('Has no effect'),
    user: optional(z.string()).describe('Has no effect'),
    stream: optional(z.boolean()).describe('Answers with server-sent events'),
    partial_images: optional(z.int().min(0).max(3)).describe(
      'Unfinished pictures in a stream; 0 when left out',
    ),
    seed: optional(z.int().min(0).max(SEED_LIMIT)).describe('Of the first picture; picture i has seed + i'),
    num_inference_steps: optional(z.int().min(1).max(steps)).describe(
      'Steps of the sampler; left out: the model’s',
    ),
    guidance_scale: optional(z.number().min(0).max(100)).describe('Left out: the model’s'),
    negative_prompt: optional(text).describe('What the picture should be far from'),
  });
}

export type GenerationBody = z.output<ReturnType<typeof generationSchema>>;

/** @returns undefined for `auto` */
export function parseSize(size: string | undefined): { width: number; height: number } | undefined {
  const [, width, height] = SIZE.exec(size ?? '') ?? [];
  return width && height ? { width: Number(width), height: Number(height) } : undefined;
}

function isPossibleSize(size: string, pixels: number): boolean {
  const parsed = parseSize(size);
  return size === 'auto' || (parsed !== undefined && parsed.width * parsed.height <= pixels);
}

function sizeMessage(pixels: number): string {
  return `expected auto or <width>x<height> with at most ${pixels} pixels`;
}
