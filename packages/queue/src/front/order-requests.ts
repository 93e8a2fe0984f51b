import { ApiError } from '@cachequant/server';
import type { PictureOrder } from '@cachequant/server/internals';
import { type PictureRequest, pictureRequestSchema } from '../jobs/picture-request.js';
import type { QueuedModel } from '../jobs/queued-model.js';

/**
 * The pictures of an order.
 * @throws ApiError 400 for an order with more to it than a job can say
 */
export function requestsOf(
  { id: _, via: __, model: ___, count, partialPictures: ____, ...drawn }: PictureOrder,
  { takesText }: QueuedModel,
): PictureRequest[] {
  const given = Object.entries(drawn).filter(([name, value]) => value !== undefined && name !== 'prompt');
  return Array.from({ length: count }, (_, image) => {
    const request = {
      ...Object.fromEntries(given),
      seed: drawn.seed + image,
      ...(takesText && { prompt: drawn.prompt }),
    };
    const parsed = pictureRequestSchema.safeParse(request);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const field = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
    throw new ApiError(400, `Workers on a queue do not take this: ${field}.`, { code: 'unsupported' });
  });
}
