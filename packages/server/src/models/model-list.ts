import { ApiError } from '../faults/api-error.js';
import type { ServedModel } from './served-model.js';

/** What requests may know of a model. */
export type ListedModel = Pick<ServedModel, 'id' | 'created'>;

/** The models that requests may name; they may come and go. */
export interface ModelList {
  /** The first one is for requests that name none. */
  readonly models: readonly ListedModel[];
  has(id: string): boolean;
}

/** @throws ApiError 503 as long as there is none */
export function firstModel({ models }: ModelList): string {
  const [first] = models;
  if (first !== undefined) return first.id;
  throw new ApiError(503, 'There is no model yet: no worker has come.', {
    code: 'no_model',
    retryAfterSeconds: 5,
  });
}
