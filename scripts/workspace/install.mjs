// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toolEnvironment } from './environment.mjs';
import { TaskFailure } from './failure.mjs';
import { members } from './members.mjs';
import { inRoot, root } from './paths.mjs';
import { capture, phase } from './phase.mjs';

const stampFile = inRoot('node_modules/.cachequant-installed');
const describingFiles = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'];

/**
 * Installs the dependencies that the lockfile pins, unless they are there.
 *
 * The stamp is removed first and written last: an interrupted installation is taken up again.
 *
 * @param {{ script: string, commandFolder: string }} pnpm
 */
export async function install(pnpm) {
  const stamp = fingerprint();
  if (isInstalled(stamp)) return;
  rmSync(stampFile, { force: true });
  await phase('installing', () => runPnpmInstall(pnpm));
  writeFileSync(stampFile, stamp);
}

/**
 * Runs `pnpm install` as the lockfile says, writing nothing outside of the repository.
 *
 * @param {{ script: string, commandFolder: string }} pnpm
 * @param {string} [folder] the repository, or a copy of it
 */
export async function runPnpmInstall({ script, commandFolder }, folder = root) {
  const options = ['--frozen-lockfile', '--prefer-offline', '--reporter=append-only', ...pnpmFolders()];
  const env = toolEnvironment(commandFolder);
  const { exitCode, output } = await capture(process.execPath, [script, 'install', ...options], {
    cwd: folder,
    env,
  });
  if (exitCode === 0) return;
  const hint = output.includes('ERR_PNPM_OUTDATED_LOCKFILE')
    ? '\nAfter a change to a package.json, run `npm run -s pnpm -- install` to update the lockfile.'
    : '';
  throw new TaskFailure(
    `${output.trimEnd()}\n\nInstalling the dependencies failed (exit code ${exitCode}).${hint}`,
  );
}

/** Options that keep pnpm's own files in the repository's cache folder, and keep it from asking questions. */
export const pnpmFolders = () => [
  '--config.confirmModulesPurge=false',
  `--config.storeDir=${storeFolder()}`,
  `--config.cacheDir=${inRoot('.cache/pnpm-cache')}`,
  `--config.stateDir=${inRoot('.cache/pnpm-state')}`,
];

/** @returns {string} the store that node_modules was linked from, else one in the repository's cache folder */
function storeFolder() {
  const record = inRoot('node_modules/.modules.yaml');
  const linkedFrom =
    existsSync(record) && /"?storeDir"?: "?([^"\n]+)/.exec(readFileSync(record, 'utf8'))?.[1];
  // pnpm appends the version of the store's layout itself.
  return linkedFrom ? linkedFrom.replace(/[\\/]v\d+$/, '') : inRoot('.cache/pnpm-store');
}

/** @param {string} stamp */
function isInstalled(stamp) {
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) return false;
  return members().every(({ path: folder, manifest }) => {
    const count = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length;
    return count === 0 || existsSync(path.join(folder, 'node_modules'));
  });
}

/** @returns {string} changes with the machine's kind, the lockfile and every manifest */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  const files = [...describingFiles, ...members().map(({ folder }) => `${folder}/package.json`)];
  for (const file of files) {
    if (existsSync(inRoot(file))) hash.update(`${file}\n`).update(readFileSync(inRoot(file)));
  }
  return hash.digest('hex');
}
