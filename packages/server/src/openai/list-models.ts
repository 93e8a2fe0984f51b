import type { ServedModel } from '../models/served-model.js';

/** A model as GET /v1/models shows it. */
export function modelObject({ id, created }: ServedModel) {
  return { id, object: 'model', created, owned_by: 'cachequant' } as const;
}
