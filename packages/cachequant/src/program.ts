import { Command } from 'commander';
import type { AddCommand } from './command-context.js';
import { addCompare } from './commands/compare.js';
import { addCut } from './commands/cut.js';
import { addEvaluate } from './commands/evaluate.js';
import { addGenerate } from './commands/generate.js';
import { addInspect } from './commands/inspect.js';
import { addOptimize } from './commands/optimize.js';
import { addReport } from './commands/report.js';
import { addSchedule } from './commands/schedule.js';
import { addServe } from './commands/serve.js';
import { addWorker } from './commands/worker.js';
import type { CliIo } from './io.js';
import { printable } from './print/printable.js';
import { packageVersion } from './version.js';

const COMMANDS: readonly AddCommand[] = [
  addInspect,
  addOptimize,
  addGenerate,
  addServe,
  addWorker,
  addCompare,
  addEvaluate,
  addReport,
  addCut,
  addSchedule,
];

const FIRST_STEPS = `
First steps:
  $ cachequant inspect ./my-model                          # what is in it, what can be done
  $ cachequant optimize ./my-model --out ./my-bundle       # make it fast; can be stopped and continued
  $ cachequant generate ./my-bundle --prompt "a red shoe"  # use it

A model is a folder (ONNX or safetensors), a .safetensors file, or an id such as stabilityai/sd-turbo.

Exit codes: 0 done · 1 failed · 2 wrong usage · 130 interrupted`;

/** The commands with their help; parsing throws CommanderError instead of ending the process. */
export function createProgram(io: CliIo): Command {
  const program = new Command('cachequant')
    .description('Make a diffusion model in ONNX faster and smaller: cached features, integers, corrections.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .option('--json', 'print one JSON document for programs')
    .option('--debug', 'show where in the code an error came from')
    .addHelpText('after', FIRST_STEPS)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(printable(text)),
      writeErr: (text) => io.stderr.write(printable(text)),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const add of COMMANDS) add(program, io);
  return program;
}
