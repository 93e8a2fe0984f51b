import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DrawnPictures, PictureOrder } from '../drawing/picture-order.js';
import { base64Picture } from '../drawing/pictures.js';
import type { Studio } from '../drawing/studio.js';
import { type FieldNames, toApiError } from '../faults/to-api-error.js';
import { clientSignal } from '../http/client-signal.js';
import { readBody } from '../http/read-body.js';
import type { ServerLimits } from '../limits.js';
import { anySeed } from '../openai/generation-order.js';
import { samplerOf } from './samplers.js';
import { type TextToImageBody, textToImageSchema } from './text-to-image-request.js';

export interface TextToImageOptions {
  readonly studio: Studio;
  readonly limits: ServerLimits;
  /** The model for requests that name none. */
  readonly chosenModel: () => string;
}

const FIELDS: FieldNames = {
  prompt: 'prompt',
  negativePrompt: 'negative_prompt',
  width: 'width',
  height: 'height',
  steps: 'steps',
  guidanceScale: 'cfg_scale',
  sampler: 'sampler_name',
  seed: 'seed',
  image: 'init_images',
  mask: 'mask',
  strength: 'denoising_strength',
};

/** Answers POST /sdapi/v1/txt2img. */
export function textToImage({ studio, limits, chosenModel }: TextToImageOptions) {
  const schema = textToImageSchema(limits);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = readBody(schema, request.body);
    return drawOrder(studio, orderOf(request.id, body, chosenModel()), body, reply);
  };
}

/** Draws an order, and answers in the form of both routes. */
export async function drawOrder(
  studio: Studio,
  order: PictureOrder,
  parameters: object,
  reply: FastifyReply,
) {
  try {
    const drawn = await studio.draw(order, clientSignal(reply));
    return {
      images: await Promise.all(drawn.images.map((image) => base64Picture(image, { format: 'png' }))),
      parameters,
      info: JSON.stringify(infoOf(order, drawn)),
    };
  } catch (error) {
    throw toApiError(error, FIELDS);
  }
}

/** The order of a body that names no picture. */
export function orderOf(id: string, body: TextToImageBody, model: string): PictureOrder {
  const { seed = -1, batch_size = 1, n_iter = 1, sampler_name } = body;
  return {
    id,
    via: 'automatic1111',
    model: body.override_settings?.sd_model_checkpoint ?? model,
    prompt: body.prompt,
    negativePrompt: body.negative_prompt,
    seed: seed < 0 ? anySeed() : seed,
    count: batch_size * n_iter,
    steps: body.steps,
    guidanceScale: body.cfg_scale,
    sampler: samplerOf(sampler_name ?? ''),
    width: body.width,
    height: body.height,
  };
}

function infoOf(order: PictureOrder, { images, warnings }: DrawnPictures) {
  const [first] = images;
  return {
    prompt: order.prompt,
    all_prompts: images.map(() => order.prompt),
    negative_prompt: order.negativePrompt ?? '',
    seed: order.seed,
    all_seeds: images.map(({ seed }) => seed),
    width: first?.width,
    height: first?.height,
    sd_model_name: order.model,
    infotexts: images.map(({ seed }) => `${order.prompt}\nSeed: ${seed}, Model: ${order.model}`),
    warnings,
  };
}
