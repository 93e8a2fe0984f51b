import { throwIfAborted } from './errors.js';

/**
 * A long computation that yields between its pieces, each of some milliseconds, so that the caller decides whether
 * anything else gets its turn there. It needs no timer, no thread and no I/O of its own.
 */
export type InPieces<T> = Generator<undefined, T, undefined>;

/** Computes all pieces at once; nothing can stop it. */
export function finish<T>(pieces: InPieces<T>): T {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** Milliseconds of computing after which timers, messages and signals of the process get their turn. */
const TURN = 50;

/**
 * Computes the pieces, and lets everything else that waits have its turn every 50 ms, so that whoever holds the signal
 * can stop it. A computation that is stopped runs its `finally` blocks.
 * @throws CacheQuantError `aborted`
 */
export async function finishUnlessAborted<T>(
  pieces: InPieces<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    let since = performance.now();
    for (;;) {
      throwIfAborted(signal);
      const { done, value } = pieces.next();
      if (done) return value;
      if (performance.now() - since < TURN) continue;
      await takeTurns(signal);
      since = performance.now();
    }
  } finally {
    pieces.return(undefined as never);
  }
}

/**
 * Lets timers, messages and signals of the process have their turn: between long computations that are short enough
 * each.
 * @throws CacheQuantError `aborted`
 */
export async function takeTurns(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  throwIfAborted(signal);
}
