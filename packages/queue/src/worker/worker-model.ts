import type { ServedModel } from '@cachequant/server';
import type { PictureDetails } from '../pictures/picture-file.js';

/** A model that a worker draws by. */
export interface WorkerModel {
  readonly served: ServedModel;
  readonly identity: PictureDetails['model'];
  /** Class of the sampler in its folder; undefined where it says nothing. */
  readonly sampler: string | undefined;
}
