// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { members } from '../workspace/members.mjs';
import { readJson } from '../workspace/paths.mjs';

/**
 * What is missing or wrong around the public packages: manifest fields, README, changelog.
 *
 * @param {string} repository
 * @returns {string[]}
 */
export function packageFileProblems(repository) {
  const packages = members(repository).filter(({ manifest }) => !manifest.private);
  return packages.flatMap((member) => [
    ...manifestProblems(member),
    ...readmeProblems(member),
    ...changelogProblems(member),
  ]);
}

/** @param {import('../workspace/members.mjs').Member} member */
function manifestProblems({ folder, path: packagePath }) {
  const manifest = readJson(path.join(packagePath, 'package.json'));
  /** @type {[boolean, string][]} */
  const requirements = [
    [manifest.license === 'Apache-2.0', 'license must be Apache-2.0'],
    [Boolean(manifest.description), 'description is missing'],
    [manifest.type === 'module', 'type must be module'],
    [manifest.engines?.node === '>=20', 'engines.node must be >=20'],
    [manifest.repository?.directory === folder, `repository.directory must be ${folder}`],
    [manifest.publishConfig?.access === 'public', 'publishConfig.access must be public'],
    [
      manifest.files?.includes('dist') && manifest.files.includes('README.md'),
      'files must list dist and README.md',
    ],
  ];
  return requirements.filter(([met]) => !met).map(([, problem]) => `${folder}/package.json: ${problem}`);
}

/** @param {import('../workspace/members.mjs').Member} member */
function readmeProblems({ folder, path: packagePath, manifest }) {
  const file = path.join(packagePath, 'README.md');
  if (!existsSync(file)) return [`${folder}: README.md is missing`];
  const named = readFileSync(file, 'utf8').startsWith(`# ${manifest.name}\n`);
  return named ? [] : [`${folder}/README.md: the first line must be "# ${manifest.name}"`];
}

/** @param {import('../workspace/members.mjs').Member} member */
function changelogProblems({ folder, path: packagePath, manifest }) {
  if (manifest.version === '0.0.0') return [];
  const file = path.join(packagePath, 'CHANGELOG.md');
  const lists = existsSync(file) && readFileSync(file, 'utf8').includes(`\n## ${manifest.version}\n`);
  return lists ? [] : [`${folder}/CHANGELOG.md: version ${manifest.version} is missing`];
}
