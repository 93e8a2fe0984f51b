// @ts-check
import { foreground } from './foreground.mjs';
import { pnpmFolders } from './install.mjs';
import { inRoot, root } from './paths.mjs';
import { bringPnpm } from './pnpm.mjs';
import { runTests } from './run-tests.mjs';

/**
 * @typedef {object} Task
 * @property {boolean} needsBuild
 * @property {boolean} [needsInstall] true, if left out
 * @property {(args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>} run
 */

/**
 * @param {string} script
 * @param {{ needsBuild: boolean, cwd?: () => string }} options
 * @returns {Task}
 */
const program = (script, { needsBuild, cwd = () => root }) => ({
  needsBuild,
  run: (args, env) => foreground([inRoot(script), ...args], { cwd: cwd(), env }),
});

// npm starts scripts in the repository; paths on the command line mean the folder of the person who typed them.
const callersFolder = () => process.env.INIT_CWD ?? process.cwd();

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function runPnpm(args, env) {
  const { script } = await bringPnpm();
  return foreground([script, ...args, ...pnpmFolders()], { cwd: root, env });
}

// What tests with the tag tell is rarely new, and takes too long for every change.
const QUICK = '--tags-filter=!full';

/** @type {ReadonlyMap<string, Task>} */
export const tasks = new Map([
  ['build', { needsBuild: true, run: async () => 0 }],
  ['demo', program('apps/demo/dist/demo.js', { needsBuild: true })],
  ['pictures', program('apps/demo/dist/pictures/pictures.js', { needsBuild: true })],
  ['studio', program('apps/studio/tools/studio.mjs', { needsBuild: true })],
  ['studio:test', { needsBuild: true, run: (args, env) => runTests(['apps/studio', ...args], env) }],
  ['exports', program('scripts/check/write-exports.mjs', { needsBuild: false })],
  ['readme', program('scripts/readme/refresh.mjs', { needsBuild: true })],
  ['bench', program('apps/benchmarks/dist/bench.js', { needsBuild: true })],
  ['bench:avx2', program('apps/benchmarks/dist/avx2.js', { needsBuild: true })],
  ['bench:import', program('apps/benchmarks/dist/bench-import.js', { needsBuild: true })],
  ['bench:peers', program('apps/benchmarks/dist/peers.js', { needsBuild: true })],
  ['bench:serve', program('apps/benchmarks/dist/bench-serve.js', { needsBuild: true })],
  ['chaos', program('apps/benchmarks/dist/chaos.js', { needsBuild: true })],
  ['bench:search', program('apps/benchmarks/dist/search/bench.js', { needsBuild: true })],
  ['bench:w4a8', program('apps/benchmarks/dist/w4a8/bench.js', { needsBuild: true })],
  ['ablation', program('apps/benchmarks/dist/ablation.js', { needsBuild: true })],
  ['guide-pictures', program('apps/benchmarks/dist/guide-pictures.js', { needsBuild: true })],
  ['test', { needsBuild: true, run: (args, env) => runTests([QUICK, ...args], env) }],
  ['test:full', { needsBuild: true, run: runTests }],
  ['check', program('scripts/check/main.mjs', { needsBuild: false })],
  ['cachequant', program('packages/cachequant/dist/bin.js', { needsBuild: true, cwd: callersFolder })],
  ['pnpm', { needsInstall: false, needsBuild: false, run: runPnpm }],
  ['release:rehearse', program('scripts/release/rehearse.mjs', { needsBuild: false })],
]);
