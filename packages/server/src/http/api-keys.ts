import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../faults/api-error.js';

/**
 * Says whether a key is one of those that are allowed. Digests of equal length are compared, each with every key, so
 * that the time tells nothing of how much of a key was right, nor of which one it was.
 */
export function keyCheck(keys: readonly string[]): (key: string) => boolean {
  const known = keys.map(digest);
  return (key) => {
    const given = digest(key);
    return known.map((one) => timingSafeEqual(one, given)).includes(true);
  };
}

/**
 * The key of an Authorization header: `Bearer key`, or as the password of `Basic`, which is what interfaces for
 * AUTOMATIC1111 send.
 */
export function keyIn(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? [];
  return password;
}

export function noSuchKey(): ApiError {
  return new ApiError(401, 'The API key is missing or wrong. Send it as "Authorization: Bearer <key>".', {
    code: 'invalid_api_key',
  });
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
