import type { FastifyInstance } from 'fastify';
import type { PictureStore } from '../drawing/picture-store.js';
import type { Studio } from '../drawing/studio.js';
import { ApiError } from '../faults/api-error.js';
import { refusePictures } from '../http/refuse-pictures.js';
import type { ServerLimits } from '../limits.js';
import { firstModel, type ModelList } from '../models/model-list.js';
import { unknownModel } from '../models/model-shelf.js';
import { addEdits } from './edits.js';
import { generations } from './generations.js';
import { modelObject } from './list-models.js';

export interface OpenAiOptions {
  readonly studio: Studio;
  readonly shelf: ModelList;
  readonly store: PictureStore;
  readonly limits: ServerLimits;
}

/** OpenAI's images interface. */
export function openAiRoutes(app: FastifyInstance, { studio, shelf, store, limits }: OpenAiOptions): void {
  app.post(
    '/v1/images/generations',
    generations({ studio, store, limits, firstModel: () => firstModel(shelf) }),
  );
  addEdits(app, { studio, store, limits, firstModel: () => firstModel(shelf) });
  // Before the body is read: what kind of picture was sent does not matter.
  app.post('/v1/images/variations', { onRequest: refusePictures }, refusePictures);
  app.get('/v1/models', () => ({ object: 'list', data: shelf.models.map(modelObject) }));
  app.get<{ Params: { id: string } }>('/v1/models/:id', ({ params: { id } }) => {
    const model = shelf.models.find((one) => one.id === id);
    if (model === undefined) throw unknownModel(id, shelf.models);
    return modelObject(model);
  });
  app.get<{ Params: { name: string } }>(
    '/pictures/:name',
    { config: { open: true } },
    ({ params }, reply) => {
      const kept = store.get(params.name);
      if (kept === undefined) {
        throw new ApiError(404, 'There is no such picture, or its time is over.', {
          code: 'picture_not_found',
        });
      }
      return reply
        .type(kept.type)
        .header('cache-control', 'private, max-age=600')
        .send(Buffer.from(kept.bytes));
    },
  );
}
