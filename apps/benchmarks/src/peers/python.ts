import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { CACHE, PYTHON_SOURCES } from '../paths.js';

const ENVIRONMENT = path.join(CACHE, 'python');
const BIN = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts' : 'bin');

/** The interpreter of the benchmark's own virtual environment. */
export const PYTHON = path.join(BIN, process.platform === 'win32' ? 'python.exe' : 'python');

/**
 * Makes the virtual environment and installs what requirements.txt pins; where that was done before, nothing.
 * @throws Error when there is no Python, or pip fails
 */
export async function preparePython(signal: AbortSignal, log: (line: string) => void): Promise<void> {
  const wanted = await hashOfRequirements();
  const marker = path.join(ENVIRONMENT, 'requirements.sha256');
  if (existsSync(marker) && (await readFile(marker, 'utf8')) === wanted) return;
  log('installing the peers from PyPI');
  const python = process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3');
  await finished(start(python, ['-m', 'venv', ENVIRONMENT], signal), 'python3 -m venv');
  const requirements = path.join(PYTHON_SOURCES, 'requirements.txt');
  await finished(start(PYTHON, ['-m', 'pip', 'install', '--quiet', '-r', requirements], signal), 'pip');
  await writeFile(marker, wanted);
}

/** Runs one of the scripts in apps/benchmarks/python to its end. */
export async function runPython(script: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  await finished(start(PYTHON, [path.join(PYTHON_SOURCES, script), ...args], signal), script);
}

/** The folder of the installed package `openvino`, which has OpenVINO's C library. */
export async function openVinoFolder(signal: AbortSignal): Promise<string> {
  const print = 'import openvino, os; print(os.path.dirname(openvino.__file__))';
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', print], { signal });
  return stdout.trim();
}

async function hashOfRequirements(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['requirements.txt', 'requirements-qdq.txt']) {
    hash.update(await readFile(path.join(PYTHON_SOURCES, file)));
  }
  return hash.digest('hex');
}

function start(command: string, args: readonly string[], signal: AbortSignal): ChildProcess {
  return spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], signal, killSignal: 'SIGTERM' });
}

async function finished(child: ChildProcess, name: string): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${name} ended with exit code ${code}.`);
}
