// @ts-check
import { spawn } from 'node:child_process';
import { TaskFailure } from './failure.mjs';
import { endOnSignal } from './signals.mjs';

const quietForMs = 500;

/** @param {number} milliseconds */
export const seconds = (milliseconds) =>
  milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`;

/**
 * Runs preparing work and reports it as one line on standard error, `installing … 18 s`; work that ends at once
 * reports nothing.
 *
 * @template T
 * @param {string} label
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function phase(label, work) {
  const start = performance.now();
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    process.stderr.write(`${label} … `);
  }, quietForMs);
  let outcome = 'failed after ';
  try {
    const result = await work();
    outcome = '';
    return result;
  } finally {
    clearTimeout(timer);
    if (shown) process.stderr.write(`${outcome}${seconds(performance.now() - start)}\n`);
  }
}

/**
 * Runs a command without showing its output.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ exitCode: number, output: string }>} output: both streams, in order of arrival
 */
export function capture(command, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const stopListening = endOnSignal(child);
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      stopListening();
      resolve({ exitCode: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

/**
 * Like {@link capture}, for commands that must succeed.
 *
 * @param {string} what the work in words, for the message
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<string>} output
 * @throws {TaskFailure} with the whole output, when the command fails
 */
export async function mustSucceed(what, command, args, options) {
  const { exitCode, output } = await capture(command, args, options);
  if (exitCode !== 0) throw new TaskFailure(`${output.trimEnd()}\n\n${what} failed (exit code ${exitCode}).`);
  return output;
}
