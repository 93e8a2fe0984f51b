import { Command, Help } from 'commander';
import { COMMANDS } from './commands.js';
import type { CliIo } from './io.js';
import { printable } from './print/printable.js';
import { packageVersion } from './version.js';

const FIRST_STEPS = `
First steps:
  $ cachequant inspect ./my-model                          # what is in it, what can be done
  $ cachequant optimize ./my-model --out ./my-bundle       # make it fast; can be stopped and continued
  $ cachequant generate ./my-bundle --prompt "a red shoe"  # use it

A model is a folder (ONNX or safetensors), a .safetensors file, or an id such as stabilityai/sd-turbo.

Exit codes: 0 done · 1 failed · 2 wrong usage · 130 interrupted`;

/**
 * The commands with their help; parsing throws CommanderError instead of ending the process. Only those that `argv` names
 * are loaded, with the packages that they run on: the others stand in the help alone.
 */
export async function createProgram(io: CliIo, argv: readonly string[]): Promise<Command> {
  const program = new Command('cachequant')
    .description('Make a diffusion model in ONNX faster and smaller: cached features, integers, corrections.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .option('--json', 'print one JSON document for programs')
    .option('--debug', 'show where in the code an error came from')
    .addHelpText('after', FIRST_STEPS)
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .configureOutput({
      writeOut: (text) => io.stdout.write(printable(text)),
      writeErr: (text) => io.stderr.write(printable(text)),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary);
    if (argv.includes(name)) (await load())(command, io);
  }
  return program;
}

function subcommandTerm(command: Command): string {
  const listed = COMMANDS.find(({ name }) => name === command.name());
  return listed === undefined
    ? new Help().subcommandTerm(command)
    : `${listed.name} [options] ${listed.takes}`;
}
