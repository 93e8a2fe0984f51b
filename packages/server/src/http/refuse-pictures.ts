import { ApiError } from '../faults/api-error.js';

/** Answers routes that make another picture of one without a text, which no model here does. */
export async function refusePictures(): Promise<never> {
  throw new ApiError(400, 'This server cannot vary a picture without a text: edit it, with a prompt.', {
    code: 'unsupported',
  });
}
