import os from 'node:os';

/** Aborts at the first signal to stop; a second one ends the process. */
export function stopOnSignals(): AbortController {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  return stop;
}

/**
 * Runs a command until it ends or is stopped; that is said, and is no failure.
 * @param said left out for processes whose parent says it
 */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<void>,
  said?: string,
): Promise<void> {
  const { signal } = stopOnSignals();
  try {
    await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (said !== undefined) console.log(`\n${said}`);
    process.exitCode = 130;
  }
}

/** Prints lines with the seconds since it was made. */
export function startLog(): (line: string) => void {
  const started = performance.now();
  return (line) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`);
}

/** The environment variable that says which instructions a benchmark is held to (`npm run bench:avx2`). */
export const HELD_TO = 'BENCH_HELD_TO';

/** What results say of the machine that they are from. */
export function describeMachine() {
  const heldTo = process.env[HELD_TO];
  return {
    processor: `${os.cpus()[0]?.model ?? 'unknown'}${heldTo === undefined ? '' : `, held to ${heldTo}`}`,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
  };
}
