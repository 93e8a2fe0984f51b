import type { WebGenerator } from '@cachequant/web';
import type { PictureRequest } from './run-picture.js';

/** Calls after which a network that has not used its cache is taken to have none. */
const MOST_CALLS = 4;

/**
 * Runs the first calls of a picture and drops them: the first run of a network is slower than all others, and would
 * be counted for whichever model comes first.
 */
export async function warmUp(
  generator: WebGenerator,
  { prompt, signal, ...request }: PictureRequest,
): Promise<void> {
  const enough = new AbortController();
  const stop = () => enough.abort();
  signal.addEventListener('abort', stop);
  try {
    await generator.generate(prompt, {
      ...request,
      signal: enough.signal,
      onStep: ({ call, kind }) => {
        if (kind === 'cached' || call + 1 >= MOST_CALLS) stop();
      },
    });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
}
