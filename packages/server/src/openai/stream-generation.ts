import type { RgbImage } from '@cachequant/pipeline';
import type { FastifyReply } from 'fastify';
import type { PictureOrder } from '../drawing/picture-order.js';
import { base64Picture, type EncodeOptions } from '../drawing/pictures.js';
import type { Studio } from '../drawing/studio.js';
import { toApiError } from '../faults/to-api-error.js';
import { EventStream } from '../http/event-stream.js';
import { GENERATION_FIELDS } from './generation-order.js';

export interface StreamOptions {
  readonly studio: Studio;
  readonly order: PictureOrder;
  readonly signal: AbortSignal;
  readonly reply: FastifyReply;
  /** What the names of the events begin with. */
  readonly kind: 'image_generation' | 'image_edit';
  readonly encode: EncodeOptions;
  /** For which a client may take nothing. */
  readonly sendSeconds: number;
}

/**
 * Answers with `partial_image` and `completed` events of its kind, the latter once for each picture.
 * @throws what `Studio.draw` throws, as long as nothing was sent; after that an `error` event ends the stream
 */
export async function streamGeneration({
  studio,
  order,
  signal,
  reply,
  kind,
  encode,
  sendSeconds,
}: StreamOptions): Promise<FastifyReply> {
  const stream = new EventStream(reply, { sendSeconds });
  const event = async (picture: RgbImage) => ({
    b64_json: await base64Picture(picture, encode),
    created_at: Math.floor(Date.now() / 1000),
    size: `${picture.width}x${picture.height}`,
    quality: 'auto',
    background: 'opaque',
    output_format: encode.format,
  });
  try {
    await studio.draw(order, signal, {
      onPartial: async (picture, index, image) => {
        const type = `${kind}.partial_image`;
        stream.sendIfTaken(type, {
          type,
          partial_image_index: index,
          image_index: image,
          ...(await event(picture)),
        });
      },
      onPicture: async (picture, image, warnings) => {
        const type = `${kind}.completed`;
        stream.send(type, {
          type,
          image_index: image,
          seed: picture.seed,
          ...(warnings.length > 0 && { warnings }),
          ...(await event(picture)),
        });
      },
    });
  } catch (error) {
    if (!stream.hasBegun) {
      stream.leave();
      throw error;
    }
    stream.send('error', { type: 'error', ...toApiError(error, GENERATION_FIELDS).body });
  }
  stream.end();
  return reply;
}
