import type { RgbImage } from '@cachequant/pipeline';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PictureOrder } from '../drawing/picture-order.js';
import type { PictureStore } from '../drawing/picture-store.js';
import { base64Picture, type EncodeOptions, encodePicture } from '../drawing/pictures.js';
import type { Studio } from '../drawing/studio.js';
import { toApiError } from '../faults/to-api-error.js';
import { clientSignal } from '../http/client-signal.js';
import { readBody } from '../http/read-body.js';
import type { ServerLimits } from '../limits.js';
import { GENERATION_FIELDS, generationOrder } from './generation-order.js';
import { type GenerationBody, generationSchema } from './generation-request.js';
import { streamGeneration } from './stream-generation.js';

export interface GenerationsOptions {
  readonly studio: Studio;
  readonly store: PictureStore;
  readonly limits: ServerLimits;
  /** For requests that name none. */
  readonly firstModel: () => string;
}

/** Answers POST /v1/images/generations. */
export function generations({ studio, store, limits, firstModel }: GenerationsOptions) {
  const schema = generationSchema(limits);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = readBody(schema, request.body);
    const order = generationOrder(request.id, body, firstModel);
    return drawOrder({ studio, store, limits, order, body, kind: 'image_generation' }, request, reply);
  };
}

/** An order, and the form that its answer is to have. */
export interface AnsweredOrder extends Omit<GenerationsOptions, 'firstModel'> {
  readonly order: PictureOrder;
  readonly body: GenerationBody;
  /** What the events of a stream begin with. */
  readonly kind: 'image_generation' | 'image_edit';
}

/** Draws an order, and answers with its pictures or a stream of them. */
export async function drawOrder(
  { studio, store, limits, order, body, kind }: AnsweredOrder,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const signal = clientSignal(reply);
  try {
    if (body.stream)
      return await streamGeneration({
        studio,
        order,
        signal,
        reply,
        kind,
        encode: encodingOf(body),
        sendSeconds: limits.sendSeconds,
      });
    return await answer(studio, store, order, body, signal, `${request.protocol}://${request.host}`);
  } catch (error) {
    throw toApiError(error, GENERATION_FIELDS);
  }
}

async function answer(
  studio: Studio,
  store: PictureStore,
  order: PictureOrder,
  body: GenerationBody,
  signal: AbortSignal,
  origin: string,
) {
  const { images, warnings } = await studio.draw(order, signal);
  const encode = encodingOf(body);
  const data = await Promise.all(
    images.map(async (image) => ({
      ...(body.response_format === 'url'
        ? { url: await keptPicture(store, image, encode, origin) }
        : { b64_json: await base64Picture(image, encode) }),
      seed: image.seed,
    })),
  );
  return {
    created: Math.floor(Date.now() / 1000),
    data,
    output_format: encode.format,
    background: 'opaque',
    size: `${images[0]!.width}x${images[0]!.height}`,
    ...(warnings.length > 0 && { warnings }),
  };
}

async function keptPicture(
  store: PictureStore,
  image: RgbImage,
  encode: EncodeOptions,
  origin: string,
): Promise<string> {
  const bytes = await encodePicture(image, encode);
  return `${origin}/pictures/${store.add({ type: `image/${encode.format}`, bytes })}`;
}

function encodingOf({
  output_format: format = 'png',
  output_compression: quality,
}: GenerationBody): EncodeOptions {
  return { format, quality };
}
