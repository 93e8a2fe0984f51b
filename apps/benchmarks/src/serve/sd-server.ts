import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { CACHE } from '../paths.js';

/** The release of the binding on PyPI whose sources have stable-diffusion.cpp with its server. */
export const PACKAGE = 'stable-diffusion-cpp-python';
export const VERSION = '0.4.7';

const FOLDER = path.join(CACHE, 'stable-diffusion.cpp');
const SERVER = path.join(FOLDER, 'build/bin/sd-server');

/**
 * The server of stable-diffusion.cpp: the one that `SD_SERVER` names, or else one that is built here of the sources in a
 * PyPI package, once, for this processor. That takes a C++ compiler and cmake, and half an hour of a core.
 * @throws Error when a step fails, with its name
 */
export async function prepareServer(signal: AbortSignal, log: (line: string) => void): Promise<string> {
  if (process.env.SD_SERVER) return process.env.SD_SERVER;
  if (existsSync(SERVER)) return SERVER;
  mkdirSync(FOLDER, { recursive: true });
  const python = process.env.PYTHON ?? 'python3';
  log(`fetching the sources of ${PACKAGE} ${VERSION}`);
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-binary', ':all:'];
  await run(python, [...pip, `${PACKAGE}==${VERSION}`, '--dest', FOLDER], signal);
  const archive = readdirSync(FOLDER).find((name) => name.endsWith('.tar.gz'));
  if (archive === undefined) throw new Error(`pip left no archive in ${FOLDER}`);
  await run('tar', ['--extract', '--file', path.join(FOLDER, archive), '--directory', FOLDER], signal);
  const sources = path.join(FOLDER, archive.replace('.tar.gz', ''), 'vendor/stable-diffusion.cpp');
  const build = path.join(FOLDER, 'build');
  log('building sd-server');
  const options = ['SD_WEBP=OFF', 'SD_WEBM=OFF', 'SD_SERVER_BUILD_FRONTEND=OFF', 'GGML_NATIVE=ON'];
  const flags = ['CMAKE_BUILD_TYPE=Release', ...options].map((option) => `-D${option}`);
  await run('cmake', ['-S', sources, '-B', build, ...flags], signal);
  await run('cmake', ['--build', build, '--target', 'sd-server', '--parallel', '2'], signal);
  return SERVER;
}

async function run(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], signal });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with exit code ${code}`);
}
