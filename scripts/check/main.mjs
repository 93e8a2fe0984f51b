// @ts-check
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from '../workspace/build.mjs';
import { toolEnvironment } from '../workspace/environment.mjs';
import { TaskFailure } from '../workspace/failure.mjs';
import { members } from '../workspace/members.mjs';
import { root, toolPath } from '../workspace/paths.mjs';
import { capture, mustSucceed, seconds } from '../workspace/phase.mjs';
import { bringPnpm } from '../workspace/pnpm.mjs';
import { findViolations } from './import-direction.mjs';
import { packageFileProblems } from './package-files.mjs';
import { publintProblems, sourceConditionProblems, typeProblems } from './packed.mjs';

const pnpm = await bringPnpm();
const env = toolEnvironment(pnpm.commandFolder);
const packFolder = mkdtempSync(path.join(tmpdir(), 'cachequant-check-'));
process.once('exit', () => rmSync(packFolder, { recursive: true, force: true }));

/** @type {readonly [name: string, run: () => Promise<string[]> | string[], needs?: string][]} */
const checks = [
  ['imports', () => findViolations(root)],
  ['package files', () => packageFileProblems(root)],
  [
    'lint and format',
    () =>
      tool('@biomejs/biome', 'biome', [
        'ci',
        '--colors=off',
        '--error-on-warnings',
        '--diagnostic-level=warn',
      ]),
  ],
  ['unused code', () => tool('knip', 'knip', ['--no-progress'])],
  ['types', buildProblems],
  ['types of tests', () => tool('typescript', 'tsc', ['-p', 'tsconfig.test.json', '--pretty', 'false'])],
  ['publint', async () => (await Promise.all((await pack()).map(publintProblems))).flat(), 'types'],
  ['published types', async () => (await Promise.all((await pack()).map(typeProblems))).flat(), 'types'],
  ['published exports', async () => (await pack()).flatMap(sourceConditionProblems), 'types'],
];

process.exitCode = (await runChecks()) ? 0 : 1;

/** @returns {Promise<boolean>} whether all passed */
async function runChecks() {
  /** @type {Set<string>} */
  const failed = new Set();
  for (const [name, run, needs] of checks) {
    if (needs && failed.has(needs)) {
      console.log(`✗ ${name}: not run, since ${needs} failed`);
      continue;
    }
    const start = performance.now();
    const problems = await run();
    const time = seconds(performance.now() - start);
    if (problems.length === 0) {
      console.log(`✓ ${name} ${time}`);
      continue;
    }
    failed.add(name);
    console.log(`✗ ${name} ${time}\n${problems.join('\n').replaceAll(/^/gm, '    ')}`);
  }
  if (failed.size > 0) console.log(`\nfailed: ${[...failed].join(', ')}`);
  return failed.size === 0;
}

/**
 * @param {string} packageName
 * @param {string} command
 * @param {readonly string[]} args
 */
async function tool(packageName, command, args) {
  const { exitCode, output } = await capture(process.execPath, [toolPath(packageName, command), ...args], {
    cwd: root,
    env,
  });
  return exitCode === 0 ? [] : [output.trim()];
}

async function buildProblems() {
  try {
    await build(pnpm);
    return [];
  } catch (error) {
    if (error instanceof TaskFailure) return [error.message];
    throw error;
  }
}

/** @type {Promise<import('./packed.mjs').Packed[]> | undefined} */
let packing;

/** Packs every public package once, as it would be published. */
function pack() {
  packing ??= packAll();
  return packing;
}

async function packAll() {
  const packages = members().filter(({ manifest }) => !manifest.private);
  const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name]);
  const args = [pnpm.script, '--recursive', ...filters, 'pack', '--pack-destination', packFolder];
  await mustSucceed('Packing', process.execPath, args, { cwd: root, env });
  return packages.map((member) => ({
    member,
    tarball: readFileSync(path.join(packFolder, tarballName(member))),
  }));
}

/** @param {import('../workspace/members.mjs').Member} member */
const tarballName = ({ manifest }) =>
  `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
