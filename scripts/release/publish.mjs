// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TaskFailure } from '../workspace/failure.mjs';
import { members } from '../workspace/members.mjs';
import { mustSucceed } from '../workspace/phase.mjs';

/**
 * The environment of somebody who uses npm with the given registry and nothing else: no settings of this machine's
 * user, no shared cache.
 *
 * @param {string} folder for npm's settings and cache
 * @param {string} registry URL, ending in a slash
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function registryUser(folder, registry, env) {
  mkdirSync(folder, { recursive: true });
  const settings = path.join(folder, 'npmrc');
  // npm refuses to publish without a token; this registry accepts any.
  writeFileSync(settings, `registry=${registry}\n${registry.replace(/^http:/, '')}:_authToken=rehearsal\n`);
  const own = Object.entries(env).filter(([key]) => !/^npm_(config|package|lifecycle)_/i.test(key));
  return {
    ...Object.fromEntries(own),
    npm_config_userconfig: settings,
    npm_config_cache: path.join(folder, 'npm-cache'),
    npm_config_update_notifier: 'false',
  };
}

/**
 * @param {string} repository
 * @returns {import('../workspace/members.mjs').Member[]}
 */
const publicPackages = (repository) => members(repository).filter(({ manifest }) => !manifest.private);

/**
 * The version of the packages, which are released together.
 *
 * @param {string} repository
 */
export function commonVersion(repository) {
  const versions = new Set(publicPackages(repository).map(({ manifest }) => manifest.version));
  if (versions.size !== 1)
    throw new TaskFailure(`Expected one version for all packages, got ${[...versions].join(', ')}`);
  return [...versions].join();
}

/**
 * @param {{ script: string }} pnpm
 * @param {string} repository
 * @param {string} registry
 * @param {NodeJS.ProcessEnv} env
 */
export async function publishAll({ script }, repository, registry, env) {
  const options = ['--no-git-checks', '--access', 'public', '--registry', registry];
  await mustSucceed('pnpm publish', process.execPath, [script, '--recursive', 'publish', ...options], {
    cwd: repository,
    env,
  });
  return `${publicPackages(repository).length} packages`;
}

/**
 * Reads the packages back from the registry, and makes sure that nothing of the workspace is left in them.
 *
 * @param {string} repository
 * @param {string} registry
 */
export async function inspectPublished(repository, registry) {
  const packages = publicPackages(repository);
  for (const { manifest } of packages) {
    const response = await fetch(`${registry}${manifest.name.replace('/', '%2f')}/${manifest.version}`);
    if (!response.ok) throw new TaskFailure(`${manifest.name}@${manifest.version} is not in the registry`);
    const { dependencies, exports, main } = await response.json();
    const leftOver = /workspace:|@cachequant\/source/.exec(JSON.stringify({ dependencies, exports, main }));
    if (leftOver) throw new TaskFailure(`${manifest.name}: the published manifest contains ${leftOver[0]}`);
  }
  return `no workspace: or source exports in ${packages.length} manifests`;
}
