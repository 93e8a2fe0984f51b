const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first Ctrl-C asks for an orderly end; the second one ends the process at once, even while a native run
 * that nothing can interrupt is going on.
 */
export function interruptSignal(stderr: NodeJS.WritableStream): AbortSignal {
  const controller = new AbortController();
  const listener = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) endNow(signal);
    controller.abort(signal);
    stderr.write('\nstopping as soon as the work at hand allows; press Ctrl-C again to end at once\n');
  };
  const endNow = (signal: NodeJS.Signals) => {
    for (const name of SIGNALS) process.off(name, listener);
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, listener);
  return controller.signal;
}
