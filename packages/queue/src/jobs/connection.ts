import { CacheQuantError } from '@cachequant/tensor';
import { Redis } from 'ioredis';

/** Before the names of all keys, so that a server may be shared. */
export const PREFIX = 'cachequant';

/** More than the longest time that a command of ours waits for something to happen. */
const SILENCE_MS = 20_000;
const LONGEST_PAUSE_MS = 2000;

/**
 * Connects to Valkey or Redis, again and again if need be; commands wait until it is there.
 * @throws CacheQuantError `invalid-argument` for something that is no address of one
 */
export function connect(address: string, onError: (error: Error) => void = () => {}): Redis {
  checkAddress(address);
  const redis = new Redis(address, {
    maxRetriesPerRequest: null,
    connectTimeout: 5000,
    // A machine that is gone does not say so.
    socketTimeout: SILENCE_MS,
    keepAlive: 5000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS),
  });
  redis.on('error', onError);
  return redis;
}

/** Where a queue is, without its password. */
export function shownAddress(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

function checkAddress(address: string): void {
  const isUrl = URL.canParse(address) && /^rediss?:$/.test(new URL(address).protocol);
  if (isUrl && new URL(address).hostname !== '') return;
  throw new CacheQuantError('invalid-argument', 'this is no address of a queue', {
    where: '--queue',
    expected: 'redis://host:6379, or rediss:// with TLS',
  });
}

/**
 * Resolves when the server answers.
 * @throws CacheQuantError `storage` when it does not within `seconds`, `aborted`
 */
export async function reach(redis: Redis, address: string, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let last: Error | undefined;
  const note = (error: Error) => {
    last = error;
  };
  redis.on('error', note);
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new CacheQuantError('storage', 'the queue cannot be reached', {
            where: shownAddress(address),
            ...(last && { got: last.message || last.name }),
            hint: 'Check the address, and that Valkey or Redis runs there',
            cause: last,
          }),
        ),
      seconds * 1000,
    );
  });
  try {
    await Promise.race([redis.ping(), late]);
  } finally {
    clearTimeout(timer);
    redis.off('error', note);
  }
}
