// @ts-check
import { toolEnvironment } from './environment.mjs';
import { root, toolPath } from './paths.mjs';
import { mustSucceed } from './phase.mjs';

/**
 * Builds every package whose sources changed since its last build.
 *
 * @param {{ commandFolder: string }} pnpm
 * @param {string} [folder] the repository, or a copy of it
 */
export async function build({ commandFolder }, folder = root) {
  const options = ['--output-logs=errors-only', '--log-order=grouped', '--cache=local:rw', '--ui=stream'];
  const args = [toolPath('turbo', 'turbo', folder), 'run', 'build', ...options];
  const env = toolEnvironment(commandFolder);
  await mustSucceed('Building', process.execPath, args, { cwd: folder, env });
}
