// @ts-check
import { build } from './build.mjs';
import { toolEnvironment } from './environment.mjs';
import { TaskFailure } from './failure.mjs';
import { install } from './install.mjs';
import { phase } from './phase.mjs';
import { bringPnpm } from './pnpm.mjs';
import { tasks } from './tasks.mjs';

/**
 * Brings the workspace into the state that a task needs, runs the task, and ends with its exit code.
 *
 * @param {string | undefined} name
 * @param {readonly string[]} args handed on to the task
 */
export async function main(name, args) {
  try {
    process.exitCode = await runTask(name, args);
  } catch (error) {
    if (!(error instanceof TaskFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

/**
 * @param {string | undefined} name
 * @param {readonly string[]} args
 * @returns {Promise<number>} exit code
 */
async function runTask(name, args) {
  const task = tasks.get(name ?? '');
  if (!task) throw new TaskFailure(`Unknown task ${name}; there are: ${[...tasks.keys()].join(', ')}.`, 2);
  const pnpm = await phase('getting pnpm', bringPnpm);
  if (task.needsInstall !== false) await install(pnpm);
  if (task.needsBuild) await phase('building', () => build(pnpm));
  return task.run(args, toolEnvironment(pnpm.commandFolder));
}
