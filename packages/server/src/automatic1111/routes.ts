import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Studio } from '../drawing/studio.js';
import { readBody } from '../http/read-body.js';
import type { ServerLimits } from '../limits.js';
import { firstModel, type ModelList } from '../models/model-list.js';
import { unknownModel } from '../models/model-shelf.js';
import { imageToImage } from './image-to-image.js';
import { progressOf } from './progress.js';
import { SAMPLER_NAMES } from './samplers.js';
import { textToImage } from './text-to-image.js';

export interface Automatic1111Options {
  readonly studio: Studio;
  readonly shelf: ModelList;
  readonly limits: ServerLimits;
}

const optionsSchema = z.object({ sd_model_checkpoint: z.string() });

/** The part of AUTOMATIC1111's interface that chat interfaces speak. */
export function automatic1111Routes(
  app: FastifyInstance,
  { studio, shelf, limits }: Automatic1111Options,
): void {
  // As there, the choice of a model is the server's, for all clients of this interface.
  let chosen: string | undefined;
  const chosenModel = () => (chosen !== undefined && shelf.has(chosen) ? chosen : firstModel(shelf));

  app.post('/sdapi/v1/txt2img', textToImage({ studio, limits, chosenModel }));
  app.post(
    '/sdapi/v1/img2img',
    { bodyLimit: limits.uploadBytes },
    imageToImage({ studio, limits, chosenModel }),
  );
  app.get<{ Querystring: { skip_current_image?: string } }>('/sdapi/v1/progress', ({ query }) =>
    progressOf(studio, query.skip_current_image === 'true'),
  );
  app.get('/sdapi/v1/sd-models', () =>
    shelf.models.map(({ id }) => ({
      title: id,
      model_name: id,
      filename: id,
      hash: null,
      sha256: null,
      config: null,
    })),
  );
  app.get('/sdapi/v1/samplers', () => SAMPLER_NAMES.map((name) => ({ name, aliases: [], options: {} })));
  app.get('/sdapi/v1/options', () => ({ sd_model_checkpoint: chosenModel() }));
  app.post('/sdapi/v1/options', (request) => {
    const { sd_model_checkpoint: model } = readBody(optionsSchema, request.body);
    if (!shelf.has(model)) throw unknownModel(model, shelf.models);
    chosen = model;
    return null;
  });
}
