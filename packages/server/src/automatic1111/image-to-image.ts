import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { OrderedChange } from '../drawing/picture-order.js';
import { invertedMask, type UploadedPicture, uploadedPicture } from '../drawing/uploaded-picture.js';
import { readBody } from '../http/read-body.js';
import type { ServerLimits } from '../limits.js';
import { drawOrder, orderOf, type TextToImageOptions } from './text-to-image.js';
import { textToImageSchema } from './text-to-image-request.js';

/** That of AUTOMATIC1111. */
const DEFAULT_STRENGTH = 0.75;
const DATA_URL = /^data:image\/[\w+.-]+;base64,/;

/**
 * The body of POST /sdapi/v1/img2img. How a mask is blurred and filled is ignored: what it covers is painted from noise,
 * and the rest is put back.
 */
export function imageToImageSchema(limits: ServerLimits) {
  const file = z.string().min(1).describe('A picture in base64, or a data URL');
  return textToImageSchema(limits).safeExtend({
    init_images: z.array(file).length(1, 'expected one picture'),
    mask: file.nullish().describe('White where the picture is to be painted'),
    inpainting_mask_invert: z
      .union([z.literal(0), z.literal(1)])
      .nullish()
      .describe('1: black is painted'),
    denoising_strength: z.number().gt(0).max(1).nullish().describe('0.75 when left out'),
  });
}

type ImageToImageBody = z.output<ReturnType<typeof imageToImageSchema>>;

/** Answers POST /sdapi/v1/img2img. */
export function imageToImage({ studio, limits, chosenModel }: TextToImageOptions) {
  const schema = imageToImageSchema(limits);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const body = readBody(schema, request.body);
    const change = await changeOf(body, limits);
    const { init_images: _, mask: __, ...parameters } = body;
    return drawOrder(studio, { ...orderOf(request.id, body, chosenModel()), change }, parameters, reply);
  };
}

async function changeOf(body: ImageToImageBody, limits: ServerLimits): Promise<OrderedChange> {
  const image = await readPicture(body.init_images[0]!, 'init_images', limits);
  const mask = body.mask ? await readPicture(body.mask, 'mask', limits) : undefined;
  const painted = mask && (body.inpainting_mask_invert === 1 ? await invertedMask(mask) : mask.bytes);
  return {
    image: Buffer.from(image.bytes).toString('base64'),
    mask: painted && Buffer.from(painted).toString('base64'),
    strength: body.denoising_strength ?? DEFAULT_STRENGTH,
  };
}

function readPicture(text: string, param: string, limits: ServerLimits): Promise<UploadedPicture> {
  return uploadedPicture(Buffer.from(text.replace(DATA_URL, ''), 'base64'), param, limits);
}
