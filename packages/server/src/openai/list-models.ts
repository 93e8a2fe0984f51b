import type { ListedModel } from '../models/model-list.js';

/** A model as GET /v1/models shows it. */
export function modelObject({ id, created }: ListedModel) {
  return { id, object: 'model', created, owned_by: 'cachequant' } as const;
}
