import type { Command } from 'commander';
import type { CliIo } from './io.js';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Gives a command its description, arguments, options and action. */
export type AddCommand = (command: Command, io: CliIo) => void;

/** The end of a command's help. */
export function examples(lines: readonly (readonly [command: string, explanation: string])[]): string {
  const shown = lines.map(([command, explanation]) => `  # ${explanation}\n  $ cachequant ${command}`);
  return `\nExamples:\n${shown.join('\n\n')}`;
}
