import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OrderedChange } from '../drawing/picture-order.js';
import { transparentParts, type UploadedPicture, uploadedPicture } from '../drawing/uploaded-picture.js';
import { ApiError } from '../faults/api-error.js';
import { readBody } from '../http/read-body.js';
import { type Form, readForm } from '../http/read-form.js';
import type { ServerLimits } from '../limits.js';
import { editSchema, formFields } from './edit-request.js';
import { generationOrder } from './generation-order.js';
import { drawOrder, type GenerationsOptions } from './generations.js';

const PICTURES = ['image', 'image[]'];

/** Adds POST /v1/images/edits, the only route that takes forms. */
export function addEdits(app: FastifyInstance, options: GenerationsOptions): void {
  const { studio, store, limits, firstModel } = options;
  const schema = editSchema(limits);
  // Within a register of its own, so that other routes take no forms.
  app.register(async (scope) => {
    scope.addContentTypeParser(
      'multipart/form-data',
      { parseAs: 'buffer', bodyLimit: limits.uploadBytes },
      (_request, body, done) => done(null, body),
    );
    scope.post('/v1/images/edits', async (request: FastifyRequest, reply: FastifyReply) => {
      const form = await readForm(request.body, request.headers['content-type']);
      const body = readBody(schema, formFields(form.texts));
      const change = { ...(await changeIn(form, limits)), strength: body.strength };
      const order = { ...generationOrder(request.id, body, firstModel), change };
      return drawOrder({ studio, store, limits, order, body, kind: 'image_edit' }, request, reply);
    });
  });
}

/**
 * The picture of a form and what is to be painted of it: where the mask may be seen through, or the picture itself; a mask
 * without transparency is white there.
 */
async function changeIn({ files }: Form, limits: ServerLimits): Promise<OrderedChange> {
  const unknown = files.find(({ name }) => name !== 'mask' && !PICTURES.includes(name));
  if (unknown) throw refused(unknown.name.slice(0, 100), 'there is no such file', 'unknown_parameter');
  const images = files.filter(({ name }) => PICTURES.includes(name));
  const masks = files.filter(({ name }) => name === 'mask');
  const [image] = images;
  if (image === undefined) throw refused('image', 'it is missing', 'missing_required_parameter');
  if (images.length > 1) throw refused('image', 'one picture is changed at a time');
  if (masks.length > 1) throw refused('mask', 'there can be one');
  const picture = await uploadedPicture(image.bytes, 'image', limits);
  const mask = masks[0] && (await uploadedPicture(masks[0].bytes, 'mask', limits));
  const painted = await paintedParts(picture, mask);
  return { image: base64(picture.bytes), mask: painted && base64(painted) };
}

async function paintedParts(
  picture: UploadedPicture,
  mask: UploadedPicture | undefined,
): Promise<Uint8Array | undefined> {
  if (mask !== undefined) return mask.hasAlpha ? transparentParts(mask) : mask.bytes;
  return picture.hasAlpha ? transparentParts(picture) : undefined;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function refused(param: string, why: string, code = 'invalid_value'): ApiError {
  return new ApiError(400, `${param}: ${why}.`, { param, code });
}
