// @ts-check
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { TaskFailure } from '../workspace/failure.mjs';
import { inRoot } from '../workspace/paths.mjs';
import { capture, mustSucceed } from '../workspace/phase.mjs';

/**
 * @typedef {object} PythonUser somebody with an environment of their own
 * @property {string} python its interpreter
 * @property {string} folder
 * @property {NodeJS.ProcessEnv} env
 */

const isWindows = process.platform === 'win32';

/** What wheels are built with and installed into; the oldest Python that the package takes. */
const NEEDED = 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11), sys.version';

/**
 * The Python that `CACHEQUANT_PYTHON` names, or the one of this machine.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ command: string } | { reason: string }>}
 */
export async function findPython(env) {
  const command = env.CACHEQUANT_PYTHON ?? (isWindows ? 'python' : 'python3');
  const { exitCode, output } = await capture(command, ['-c', NEEDED], { cwd: inRoot('.'), env }).catch(
    (error) => ({ exitCode: 1, output: String(error) }),
  );
  if (exitCode === 0) return { command };
  return { reason: `${command}: ${output.trim().split('\n').at(-1)}` };
}

/**
 * @param {string} command
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<PythonUser>}
 */
export async function pythonUser(command, folder, env) {
  await mustSucceed('python -m venv', command, ['-m', 'venv', folder], { cwd: inRoot('.'), env });
  const python = path.join(folder, isWindows ? 'Scripts/python.exe' : 'bin/python');
  const own = { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PYTHONPATH: '', PYTHONNOUSERSITE: '1' };
  return { python, folder, env: own };
}

/**
 * @param {PythonUser} user
 * @param {string} repository
 * @param {string} version that the wheel must have
 * @returns {Promise<string>} path of the wheel
 */
export async function buildWheel({ python, folder, env }, repository, version) {
  const dist = path.join(folder, 'dist');
  const source = path.join(repository, 'python');
  await mustSucceed('pip wheel', python, ['-m', 'pip', 'wheel', '--no-deps', '-w', dist, source], {
    cwd: folder,
    env,
  });
  const [wheel, ...more] = readdirSync(dist);
  if (wheel === `cachequant-${version}-py3-none-any.whl` && more.length === 0) return path.join(dist, wheel);
  throw new TaskFailure(`expected a wheel of version ${version}, got ${[wheel, ...more].join(', ')}`);
}

const program = `import sys
from cachequant import load

picture = load(sys.argv[1]).generate("a red shoe!", seed=7)
picture.save("shoe.png")
print("drew", picture.width, "x", picture.height)
`;

/**
 * Installs the wheel with what it depends on, and draws a picture with a bundle of the tests.
 *
 * @param {PythonUser} user
 * @param {string} wheel
 */
export async function useWheel({ python, folder, env }, wheel) {
  await mustSucceed('pip install', python, ['-m', 'pip', 'install', wheel], { cwd: folder, env });
  const bundle = inRoot('fixtures/bundles/tiny-sdxl');
  const output = await mustSucceed('load', python, ['-c', program, bundle], { cwd: folder, env });
  if (output.trim() !== 'drew 32 x 32') throw new TaskFailure(`expected drew 32 x 32, got ${output.trim()}`);
  return output.trim();
}
