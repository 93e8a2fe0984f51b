// @ts-check
import { constants } from 'node:os';

/** @type {readonly NodeJS.Signals[]} */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'];

// npm passes on the Ctrl-C that the terminal already sent to everyone: two signals within moments are one.
const sameKeyPressMs = 300;

const parentCheckMs = 500;

/** @param {NodeJS.Signals} signal */
export const exitCodeOf = (signal) => 128 + constants.signals[signal];

/**
 * While a preparing command runs: a signal ends it and this process.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {() => void} stops listening
 */
export function endOnSignal(child) {
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => {
    child.kill('SIGTERM');
    process.stderr.write('interrupted\n');
    process.exit(exitCodeOf(signal));
  };
  return listen(end);
}

/**
 * While a task runs: hands every signal on, once for each key press.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {() => void} stops listening
 */
export function forwardSignals(child) {
  let lastMs = Number.NEGATIVE_INFINITY;
  const stopListening = listen((signal) => {
    const now = performance.now();
    if (now - lastMs > sameKeyPressMs) child.kill(signal);
    lastMs = now;
  });
  const resize = () => child.kill('SIGWINCH');
  if (process.platform !== 'win32') process.on('SIGWINCH', resize);
  const stopWatching = endWithNpm(child);
  return () => {
    stopListening();
    stopWatching();
    process.off('SIGWINCH', resize);
  };
}

/**
 * Ends the task when npm is gone: a signal that ends npm's shell never arrives here.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {() => void} stops watching
 */
function endWithNpm(child) {
  const parent = process.ppid;
  const check = () => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  };
  const timer = process.env.npm_lifecycle_event ? setInterval(check, parentCheckMs) : undefined;
  return () => clearInterval(timer);
}

/** Lets a signal end this process in order, with its exit handlers. */
export function exitOnSignals() {
  listen((signal) => process.exit(exitCodeOf(signal)));
}

/** @param {(signal: NodeJS.Signals) => void} handler */
function listen(handler) {
  for (const signal of endings) process.on(signal, handler);
  return () => {
    for (const signal of endings) process.off(signal, handler);
  };
}
