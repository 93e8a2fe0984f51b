// @ts-check
import { build } from '../workspace/build.mjs';
import { toolEnvironment } from '../workspace/environment.mjs';
import { TaskFailure } from '../workspace/failure.mjs';
import { root, toolPath } from '../workspace/paths.mjs';
import { capture, seconds } from '../workspace/phase.mjs';
import { bringPnpm } from '../workspace/pnpm.mjs';
import { exitOnSignals } from '../workspace/signals.mjs';
import { consumerTypeProblems } from './consumer-types.mjs';
import { undocumentedExports } from './doc-comments.mjs';
import { findViolations } from './import-direction.mjs';
import { packageFileProblems } from './package-files.mjs';
import { publintProblems, sourceConditionProblems, sourceMapProblems, typeProblems } from './packed.mjs';
import { packAll } from './packing.mjs';

exitOnSignals();
const pnpm = await bringPnpm();
/** @type {readonly import('./packing.mjs').Packed[]} */
let packed = [];

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {() => Promise<readonly string[]> | readonly string[]} run resolves to the problems
 * @property {string} [after] not run when that check failed
 */

const biome = ['ci', '--colors=off', '--error-on-warnings', '--diagnostic-level=warn'];

/** @type {readonly Check[]} */
const checks = [
  { name: 'imports', run: () => findViolations(root) },
  { name: 'package files', run: () => packageFileProblems(root) },
  { name: 'doc-comments', run: () => undocumentedExports(root) },
  { name: 'lint and format', run: () => tool('@biomejs/biome', 'biome', biome) },
  { name: 'unused code', run: () => tool('knip', 'knip', ['--no-progress']) },
  { name: 'types', run: buildPackages },
  {
    name: 'types of tests',
    run: () => tool('typescript', 'tsc', ['-p', 'tsconfig.test.json', '--pretty', 'false']),
  },
  {
    name: 'types of tests in browsers',
    run: () => tool('typescript', 'tsc', ['-p', 'tsconfig.test.web.json', '--pretty', 'false']),
  },
  { name: 'types in a strict project', run: () => consumerTypeProblems(root), after: 'types' },
  { name: 'packing', run: packPackages, after: 'types' },
  { name: 'published exports', run: () => packed.flatMap(sourceConditionProblems), after: 'packing' },
  { name: 'source maps', run: () => packed.flatMap(sourceMapProblems), after: 'packing' },
  { name: 'publint', run: () => ofEach(publintProblems), after: 'packing' },
  { name: 'published types', run: () => ofEach(typeProblems), after: 'packing' },
];

/** @type {Set<string>} */
const failed = new Set();
for (const check of checks) {
  if (check.after && failed.has(check.after)) {
    console.log(`✗ ${check.name}: not run, since ${check.after} failed`);
    failed.add(check.name);
  } else if (!(await passes(check))) failed.add(check.name);
}
if (failed.size > 0) console.log(`\nfailed: ${[...failed].join(', ')}`);
process.exit(failed.size > 0 ? 1 : 0);

/**
 * Runs a check and prints its line.
 *
 * @param {Check} check
 * @returns {Promise<boolean>}
 */
async function passes({ name, run }) {
  const start = performance.now();
  const problems = await problemsOf(run);
  const mark = problems.length === 0 ? '✓' : '✗';
  console.log(`${mark} ${name} ${seconds(performance.now() - start)}`);
  if (problems.length > 0) console.log(problems.join('\n').replaceAll(/^/gm, '    '));
  return problems.length === 0;
}

/** @param {Check['run']} run */
async function problemsOf(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof TaskFailure) return [error.message.trim()];
    throw error;
  }
}

/**
 * @param {string} packageName
 * @param {string} command
 * @param {readonly string[]} args
 */
async function tool(packageName, command, args) {
  const env = toolEnvironment(pnpm.commandFolder);
  const script = toolPath(packageName, command);
  const { exitCode, output } = await capture(process.execPath, [script, ...args], { cwd: root, env });
  return exitCode === 0 ? [] : [output.trim()];
}

async function buildPackages() {
  await build(pnpm);
  return [];
}

async function packPackages() {
  packed = await packAll(pnpm);
  return [];
}

/** @param {(packed: import('./packing.mjs').Packed) => Promise<readonly string[]>} problems */
async function ofEach(problems) {
  return (await Promise.all(packed.map(problems))).flat();
}
