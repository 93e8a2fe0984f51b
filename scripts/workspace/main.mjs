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
  if (task.forDevelopment) requireDevelopmentNode(name);
  const pnpm = await phase('getting pnpm', bringPnpm);
  if (task.needsInstall !== false) await install(pnpm);
  if (task.needsBuild) await phase('building', () => build(pnpm));
  return task.run(args, toolEnvironment(pnpm.commandFolder));
}

/** @param {string | undefined} task */
function requireDevelopmentNode(task) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 ? major !== 22 || minor >= 12 : minor >= 19) return;
  const found = `this is Node ${process.versions.node} (${process.execPath})`;
  throw new TaskFailure(`The tools behind \`${task}\` need Node 20.19, 22.12, or newer; ${found}.`);
}
