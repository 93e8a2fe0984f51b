// @ts-check
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { toolEnvironment } from './environment.mjs';
import { TaskFailure } from './failure.mjs';
import { npmCommand } from './npm.mjs';
import { inRoot, readJson, toolPath } from './paths.mjs';
import { mustSucceed } from './phase.mjs';

const cacheFolder = inRoot('.cache');

/** @returns {string} the version that the root manifest's packageManager field pins */
function pinnedVersion() {
  const { packageManager } = readJson(inRoot('package.json'));
  const version = /^pnpm@([^+]+)/.exec(packageManager)?.[1];
  if (!version)
    throw new TaskFailure(`package.json: packageManager must be pnpm@<version>, got ${packageManager}`);
  return version;
}

/**
 * Brings the pinned pnpm into the repository's cache folder.
 *
 * It is installed beside its final place and then renamed: a folder with the final name is always complete.
 *
 * @returns {Promise<{ script: string, commandFolder: string }>} pnpm's program, and the folder of its command
 */
export async function bringPnpm() {
  const version = pinnedVersion();
  const folder = path.join(cacheFolder, `pnpm-${version}`);
  if (!existsSync(folder)) await installInto(folder, version);
  return { script: toolPath('pnpm', 'pnpm', folder), commandFolder: path.join(folder, 'node_modules/.bin') };
}

/**
 * @param {string} folder
 * @param {string} version
 */
async function installInto(folder, version) {
  mkdirSync(cacheFolder, { recursive: true });
  const partial = mkdtempSync(`${folder}.partial-`);
  const removePartial = () => rmSync(partial, { recursive: true, force: true });
  // Runs after Ctrl-C too, where finally does not.
  process.once('exit', removePartial);
  try {
    const options = ['--prefix', partial, '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    const [command, args] = npmCommand(['install', ...options, `pnpm@${version}`]);
    await mustSucceed(`Getting pnpm ${version} from the npm registry`, command, args, {
      cwd: partial,
      env: toolEnvironment(),
    });
    renameSync(partial, folder);
  } catch (error) {
    // Another run may have been faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    removePartial();
    process.off('exit', removePartial);
  }
}
