// @ts-check
import { spawn } from 'node:child_process';
import { exitCodeOf, forwardSignals } from './signals.mjs';

/**
 * Runs a Node program with this terminal and returns its exit code (128 + number when a signal ended it).
 *
 * The program gets a process group of its own, so that Ctrl-C reaches it from here alone, exactly once.
 *
 * @param {readonly string[]} args script and its arguments
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>}
 */
export function foreground(args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const detached = process.platform !== 'win32';
    const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit', detached });
    const stopListening = forwardSignals(child);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      stopListening();
      resolve(code ?? (signal ? exitCodeOf(signal) : 1));
    });
  });
}
