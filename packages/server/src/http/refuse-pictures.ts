import { ApiError } from '../faults/api-error.js';

/** Answers routes that start from a picture, which the pipeline cannot do. */
export async function refusePictures(): Promise<never> {
  throw new ApiError(400, 'Pictures are made from text alone: this server cannot edit or vary one.', {
    code: 'unsupported',
  });
}
