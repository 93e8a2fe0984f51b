import { encodePng, type PngText } from '@cachequant/pipeline';
import type { PictureQueue, QueuedModel } from '@cachequant/queue';
import { CacheQuantError } from '@cachequant/tensor';
import { metadataText, pictureMetadata } from '../pictures/picture-metadata.js';
import type { Artist } from './run-batch.js';

export interface QueueArtistOptions {
  readonly queue: PictureQueue;
  readonly model: QueuedModel;
  /** Whether files say how they were made. */
  readonly metadata: boolean;
  /** Whether warnings are errors. */
  readonly strict: boolean;
}

/** Lines that are with the workers together: enough for many of them, and few to take back. */
const AT_ONCE = 64;

/** Has workers draw. */
export function queueArtist({ queue, model: queued, metadata, strict }: QueueArtistOptions): Artist {
  return {
    fingerprint: queued.fingerprint,
    atOnce: AT_ONCE,
    async draw(request, signal) {
      const { picture } = await queue.ask(queued, request, { signal, isBatch: true });
      const { details, ...image } = picture;
      if (strict && details.warnings.length > 0)
        throw new CacheQuantError('unsupported', details.warnings[0]!, { where: 'strict' });
      const { model, sampler, steps, guidanceScale } = details;
      const text: PngText | undefined = metadata
        ? metadataText(
            pictureMetadata(
              { model, sampler, steps, guidanceScale, negativePrompt: request.negativePrompt },
              { prompt: request.prompt, seed: request.seed },
              image,
            ),
          )
        : undefined;
      const { warnings, seconds } = details;
      return {
        ...{ width: image.width, height: image.height, warnings, seconds },
        file: encodePng(image, text),
      };
    },
  };
}
