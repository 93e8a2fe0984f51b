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
  const { engines } = readJson(path.join(repository, 'package.json'));
  const packages = members(repository).filter(({ manifest }) => !manifest.private);
  return packages.flatMap((member) => [
    ...manifestProblems(member, engines),
    ...readmeProblems(member),
    ...changelogProblems(member),
  ]);
}

/**
 * @param {import('../workspace/members.mjs').Member} member
 * @param {{ node: string }} engines of the repository
 */
function manifestProblems({ folder, path: packagePath }, engines) {
  const manifest = readJson(path.join(packagePath, 'package.json'));
  /** @type {[boolean, string][]} */
  const requirements = [
    [manifest.license === 'Apache-2.0', 'license must be Apache-2.0'],
    [Boolean(manifest.description), 'description is missing'],
    [manifest.type === 'module', 'type must be module'],
    [manifest.keywords?.length >= 3, 'keywords are missing'],
    [Boolean(manifest.author), 'author is missing'],
    [Boolean(manifest.bugs), 'bugs is missing'],
    [manifest.homepage?.endsWith(`/${folder}#readme`), 'homepage must be the README of the package'],
    [manifest.engines?.node === engines.node, `engines.node must be ${engines.node}, as in the repository`],
    [manifest.repository?.directory === folder, `repository.directory must be ${folder}`],
    [manifest.publishConfig?.access === 'public', 'publishConfig.access must be public'],
    [
      manifest.files?.includes('dist') && manifest.files.includes('README.md'),
      'files must list dist and README.md',
    ],
  ];
  return requirements.filter(([met]) => !met).map(([, problem]) => `${folder}/package.json: ${problem}`);
}

const installsOrt = /npm install .*\b(onnxruntime-node|(?<!\/)cachequant$)/m;

/** @param {import('../workspace/members.mjs').Member} member */
function readmeProblems({ folder, path: packagePath, manifest }) {
  const file = path.join(packagePath, 'README.md');
  if (!existsSync(file)) return [`${folder}: README.md is missing`];
  const text = readFileSync(file, 'utf8');
  /** @type {[boolean, string][]} */
  const requirements = [
    [text.startsWith(`# ${manifest.name}\n`), `the first line must be "# ${manifest.name}"`],
    [
      !installsOrt.test(text) || text.includes('`ONNXRUNTIME_NODE_INSTALL=skip`'),
      'what installs onnxruntime-node must say how to do without NuGet, `ONNXRUNTIME_NODE_INSTALL=skip`',
    ],
  ];
  return requirements.filter(([met]) => !met).map(([, problem]) => `${folder}/README.md: ${problem}`);
}

/** @param {import('../workspace/members.mjs').Member} member */
function changelogProblems({ folder, path: packagePath, manifest }) {
  if (manifest.version === '0.0.0') return [];
  const file = path.join(packagePath, 'CHANGELOG.md');
  const lists = existsSync(file) && readFileSync(file, 'utf8').includes(`\n## ${manifest.version}\n`);
  return lists ? [] : [`${folder}/CHANGELOG.md: version ${manifest.version} is missing`];
}
