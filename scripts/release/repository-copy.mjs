// @ts-check
import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, root, toolPath } from '../workspace/paths.mjs';
import { mustSucceed } from '../workspace/phase.mjs';

// Large, and not part of any published package.
const leftOut = ['models', 'fixtures'];

/**
 * Copies what git would commit, as it is now, into a new repository with one commit.
 *
 * @param {string} target
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>} what was done
 */
export async function copyRepository(target, env) {
  const git = (/** @type {string} */ cwd, /** @type {string[]} */ ...args) =>
    mustSucceed(`git ${args[0]}`, 'git', args, { cwd, env });
  const listed = await git(root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  const files = listed.split('\0').filter((file) => file && !leftOut.includes(file.split('/')[0] ?? ''));
  for (const file of files) {
    if (existsSync(inRoot(file))) cpSync(inRoot(file), path.join(target, file));
  }
  await git(target, 'init', '--quiet', '--initial-branch', 'main');
  await git(target, 'add', '--all');
  const author = [
    '-c',
    'user.name=rehearsal',
    '-c',
    'user.email=rehearsal@localhost',
    '-c',
    'commit.gpgsign=false',
  ];
  await mustSucceed('git commit', 'git', [...author, 'commit', '--quiet', '--message', 'rehearsal'], {
    cwd: target,
    env,
  });
  return `${files.length} files`;
}

/**
 * Raises the versions of all public packages together, by the pending changesets or, without any, by one patch.
 *
 * @param {string} repository
 * @param {NodeJS.ProcessEnv} env
 */
export async function raiseVersions(repository, env) {
  const folder = path.join(repository, '.changeset');
  const pending = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md');
  if (pending.length === 0) {
    writeFileSync(
      path.join(folder, 'rehearsal.md'),
      '---\ncachequant: patch\n---\n\nRehearse the release.\n',
    );
  }
  const changesets = toolPath('@changesets/cli', 'changeset', repository);
  await mustSucceed('changeset version', process.execPath, [changesets, 'version'], { cwd: repository, env });
  return `${pending.length || 'no'} pending changesets`;
}
