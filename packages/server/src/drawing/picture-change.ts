import type { GenerationRequest } from '@cachequant/pipeline';
import type { LoadedModel } from '../models/served-model.js';
import type { PictureOrder } from './picture-order.js';
import { pixelsOf, upright } from './uploaded-picture.js';

/** The pictures of an order at the size that will be made, scaled and cropped in the middle. */
export async function changeOf(
  { change, width, height }: PictureOrder,
  { sizeFor }: LoadedModel,
): Promise<Pick<GenerationRequest, 'image' | 'mask' | 'strength' | 'width' | 'height'>> {
  if (change === undefined) return {};
  const image = Buffer.from(change.image, 'base64');
  const { autoOrient: natural } = await upright(image).metadata();
  const size = sizeFor?.(natural, { width, height }) ?? {
    width: width ?? natural.width,
    height: height ?? natural.height,
  };
  const { strength } = change;
  return {
    ...size,
    image: await pixelsOf(upright(image), size),
    ...(change.mask !== undefined && {
      mask: await pixelsOf(upright(Buffer.from(change.mask, 'base64')), size),
    }),
    ...(strength !== undefined && { strength }),
  };
}
