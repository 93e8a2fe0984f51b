// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TaskFailure } from '../workspace/failure.mjs';
import { npmCommand } from '../workspace/npm.mjs';
import { inRoot, readJson, toolPath } from '../workspace/paths.mjs';
import { mustSucceed } from '../workspace/phase.mjs';

/**
 * @typedef {object} Consumer an empty project of a person who uses npm alone
 * @property {string} folder
 * @property {NodeJS.ProcessEnv} env
 */

/**
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 * @returns {Consumer}
 */
export function emptyProject(folder, env) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  return { folder, env };
}

/**
 * @param {Consumer} consumer
 * @param {...string} packages
 * @returns {Promise<string>} version of the first package, as installed
 */
export async function npmInstall({ folder, env }, ...packages) {
  const [command, args] = npmCommand(['install', '--no-audit', '--no-fund', ...packages]);
  await mustSucceed(`npm install ${packages.join(' ')}`, command, args, { cwd: folder, env });
  const { version } = readJson(path.join(folder, 'node_modules', nameOf(packages[0] ?? ''), 'package.json'));
  return version;
}

/** @param {string} specifier `name` or `name@version` */
const nameOf = (specifier) => specifier.replace(/(?<=.)@.*$/, '');

const schedulerProgram = `import { featureDistances, planRefreshes } from '@cachequant/scheduler';

const features = [[0, 0], [0.1, 0], [0.2, 0.1], [3, 3], [3.1, 3], [3.1, 3.2]];
const plan = planRefreshes(featureDistances(features), { refreshes: 2 });
console.log(plan.refreshCalls.join(' '));
`;

/**
 * Plans the refreshes of six feature vectors that jump once, between the third and the fourth.
 *
 * @param {Consumer} consumer
 */
export async function useFromJavaScript({ folder, env }) {
  writeFileSync(path.join(folder, 'plan.js'), schedulerProgram);
  const output = await mustSucceed('plan.js', process.execPath, ['plan.js'], { cwd: folder, env });
  if (output.trim() !== '0 3')
    throw new TaskFailure(`plan.js: expected the refresh calls 0 3, got ${output.trim()}`);
  return 'planned 0 3';
}

/**
 * Compiles the same program strictly, with the declarations of all dependencies checked.
 *
 * @param {Consumer} consumer
 */
export async function useFromTypeScript({ folder, env }) {
  const typed = schedulerProgram
    .replace('const plan =', 'const plan: RefreshPlan =')
    .replace('{ ', '{ type RefreshPlan, ');
  writeFileSync(path.join(folder, 'plan.ts'), typed);
  const compilerOptions = { module: 'NodeNext', strict: true, skipLibCheck: false, noEmit: true, types: [] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['plan.ts'] }));
  const compiler = toolPath('typescript', 'tsc', folder);
  await mustSucceed('tsc', process.execPath, [compiler, '-p', '.'], { cwd: folder, env });
  return 'tsc found nothing';
}

/**
 * @param {Consumer} consumer
 * @param {readonly string[]} args of the command
 * @returns {Promise<string>} the first line of its output
 */
export async function runCommandLine({ folder, env }, args) {
  const [command, npmArgs] = npmCommand(['exec', '--offline', '--no', '--', 'cachequant', ...args]);
  const output = await mustSucceed(`npx cachequant ${args.join(' ')}`, command, npmArgs, {
    cwd: folder,
    env,
  });
  const firstLine = output.split('\n').find((line) => line.trim() !== '');
  if (!firstLine) throw new TaskFailure(`npx cachequant ${args.join(' ')} printed nothing`);
  return firstLine.trim();
}

/** @returns {string} the version of TypeScript that the repository uses */
export const typescriptVersion = () => readJson(inRoot('package.json')).devDependencies.typescript;
