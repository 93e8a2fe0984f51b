import { CacheQuantError } from '@cachequant/tensor';
import { CommanderError } from 'commander';
import { EXIT_CODES, type ExitCode } from './exit-codes.js';
import { type CliIo, writeJson, writeLines } from './io.js';
import { UsageError } from './options/usage-error.js';

const ISSUES = 'https://github.com/cachequant/cachequant/issues';

export interface ErrorReportOptions {
  readonly json: boolean;
  /** Shows the stack. */
  readonly debug: boolean;
}

/** Prints what went wrong and what to do about it, and says which exit code that is. */
export function reportError(error: unknown, io: CliIo, options: ErrorReportOptions): ExitCode {
  if (error instanceof CommanderError || error instanceof UsageError) return reportUsage(error, io, options);
  const known = CacheQuantError.is(error) && error.code !== 'internal' ? error : undefined;
  if (known?.code === 'aborted') {
    writeLines(io.stderr, ['stopped']);
    return EXIT_CODES.interrupted;
  }
  if (options.json) writeJson(io, { error: describe(error) });
  writeLines(io.stderr, known ? [`error: ${known.message}`] : bugReport(error, options));
  if (options.debug) writeLines(io.stderr, stackOf(error));
  return EXIT_CODES.failure;
}

/** Commander has printed its own messages by then. */
function reportUsage(error: CommanderError | UsageError, io: CliIo, { json }: ErrorReportOptions): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
  const message =
    error.message === '(outputHelp)' ? 'no command is given' : error.message.replace(/^error: /, '');
  if (json) writeJson(io, { error: { code: 'usage', message } });
  if (error instanceof UsageError) writeLines(io.stderr, [`error: ${message}`]);
  return EXIT_CODES.usage;
}

function bugReport(error: unknown, { debug }: ErrorReportOptions): string[] {
  return [
    `error: ${messageOf(error)}`,
    'This is a bug in cachequant, not a mistake of yours.',
    debug
      ? `Please report it with the following lines: ${ISSUES}`
      : `Please report it: run the command again with --debug and copy what it prints to ${ISSUES}`,
  ];
}

function describe(error: unknown): Record<string, unknown> {
  if (!CacheQuantError.is(error)) return { code: 'internal', message: messageOf(error) };
  const { code, message, where, expected, got, hint } = error;
  return { code, message, where, expected, got, hint };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const cause =
    error.cause === undefined ? [] : [`caused by: ${messageOf(error.cause)}`, ...stackOf(error.cause)];
  return [error.stack ?? error.message, ...cause];
}
