import type { Redis } from 'ioredis';
import { PREFIX } from './connection.js';

/** Where the keys of jobs are told that nobody waits for any more. */
export const CANCEL_CHANNEL = `${PREFIX}:cancel`;
/** After which one that went away without a word counts no longer. */
const FORGOTTEN_SECONDS = 3600;

const keyOf = (key: string) => `${PREFIX}:interest:${key}`;

/** Says that somebody waits for a picture. */
export async function join(redis: Redis, key: string, who: string): Promise<void> {
  await redis.multi().sadd(keyOf(key), who).expire(keyOf(key), FORGOTTEN_SECONDS).exec();
}

/**
 * Says that somebody waits no longer.
 * @returns whether nobody is left
 */
export async function leave(redis: Redis, key: string, who: string): Promise<boolean> {
  const answers = await redis.multi().srem(keyOf(key), who).scard(keyOf(key)).exec();
  return answers?.[1]?.[1] === 0;
}
