import type { Command } from 'commander';
import type { CliIo } from './io.js';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, io: CliIo) => void;

/** The end of a command's help. */
export function examples(lines: readonly (readonly [command: string, explanation: string])[]): string {
  const shown = lines.map(([command, explanation]) => `  # ${explanation}\n  $ cachequant ${command}`);
  return `\nExamples:\n${shown.join('\n\n')}`;
}
