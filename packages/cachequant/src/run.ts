import type { GlobalOptions } from './command-context.js';
import { reportError } from './errors.js';
import { EXIT_CODES, type ExitCode } from './exit-codes.js';
import type { CliIo } from './io.js';
import { createProgram } from './program.js';

/**
 * Runs the command line.
 * @param argv without the names of Node and of the script
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted
 * @example await run(['inspect', './my-model'], { stdout: process.stdout, stderr: process.stderr, cwd: '.' })
 */
export async function run(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const program = await createProgram(io, argv);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    const { json = argv.includes('--json'), debug = false } = program.opts<GlobalOptions>();
    return reportError(error, io, { json, debug });
  }
}
