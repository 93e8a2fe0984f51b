/**
 * Lends a signal to work whose result lives on, such as a storage that fetches more files later: aborting it afterwards
 * stops nothing.
 */
export async function whileOpening<T>(
  signal: AbortSignal,
  open: (lent: AbortSignal) => Promise<T>,
): Promise<T> {
  const lent = new AbortController();
  const abort = () => lent.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await open(lent.signal);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
