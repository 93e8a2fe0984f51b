import { CacheQuantError } from '@cachequant/tensor';
import { ApiError } from './api-error.js';

/** What an interface calls the fields that a generator names in its errors. */
export type FieldNames = Readonly<Record<string, string>>;

interface FrameworkError extends Error {
  readonly code: string;
  readonly statusCode?: number;
}

const FRAMEWORK_MESSAGES: Readonly<Record<number, readonly [code: string, message: string]>> = {
  400: ['invalid_body', 'The body is not a JSON object.'],
  413: ['body_too_large', 'The body is too large.'],
  415: ['unsupported_media_type', 'Send the body as application/json.'],
};

/**
 * What a client may know of an error: all that its own request is to blame for, and of everything else only that it
 * happened.
 */
export function toApiError(error: unknown, names: FieldNames = {}): ApiError {
  if (error instanceof ApiError) return error;
  if (CacheQuantError.is(error)) return fromCacheQuant(error, names);
  if (isFrameworkError(error)) {
    const [code, message] = FRAMEWORK_MESSAGES[error.statusCode ?? 500] ?? [];
    if (code && message) return new ApiError(error.statusCode!, message, { code, cause: error });
  }
  return hidden(error);
}

function fromCacheQuant(error: CacheQuantError, names: FieldNames): ApiError {
  const param = names[error.where ?? ''];
  const details = { cause: error, ...(param !== undefined && { param }) };
  if (error.code === 'invalid-argument') {
    return new ApiError(400, error.message, { ...details, code: 'invalid_value' });
  }
  if (error.code === 'unsupported' || error.code === 'bundle') {
    return new ApiError(400, error.message, { ...details, code: 'unsupported' });
  }
  return hidden(error);
}

function hidden(cause: unknown): ApiError {
  return new ApiError(500, 'The picture could not be made; the log says why, under the request id.', {
    code: 'internal_error',
    cause,
  });
}

function isFrameworkError(error: unknown): error is FrameworkError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_ERR_');
}
