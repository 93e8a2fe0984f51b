import { randomInt } from 'node:crypto';
import type { PictureOrder } from '../drawing/picture-order.js';
import { ApiError } from '../faults/api-error.js';
import type { FieldNames } from '../faults/to-api-error.js';
import { type GenerationBody, parseSize } from './generation-request.js';

/** What the generator names in its errors, as this interface calls it. */
export const GENERATION_FIELDS: FieldNames = {
  prompt: 'prompt',
  negativePrompt: 'negative_prompt',
  width: 'size',
  height: 'size',
  steps: 'num_inference_steps',
  guidanceScale: 'guidance_scale',
  seed: 'seed',
  image: 'image',
  mask: 'mask',
  strength: 'strength',
};

const SEEDS = 2 ** 32;

/** A seed for a request that names none. */
export function anySeed(): number {
  return randomInt(SEEDS);
}

/** @throws ApiError 400 for fields that do not go together */
export function generationOrder(id: string, body: GenerationBody, firstModel: () => string): PictureOrder {
  const { stream = false, response_format, partial_images, output_format = 'png', output_compression } = body;
  if (stream && response_format === 'url')
    throw refused('response_format', 'a stream has its pictures in it: b64_json');
  if (!stream && partial_images) throw refused('partial_images', 'only a stream has unfinished pictures');
  if (output_format === 'png' && output_compression !== undefined && output_compression !== 100) {
    throw refused('output_compression', 'a PNG has no quality');
  }
  return {
    id,
    via: 'openai',
    model: body.model ?? firstModel(),
    prompt: body.prompt,
    negativePrompt: body.negative_prompt,
    seed: body.seed ?? anySeed(),
    count: body.n ?? 1,
    steps: body.num_inference_steps,
    guidanceScale: body.guidance_scale,
    ...parseSize(body.size),
    partialPictures: partial_images ?? 0,
  };
}

function refused(param: string, why: string): ApiError {
  return new ApiError(400, `${param}: ${why}`, { param, code: 'invalid_value' });
}
