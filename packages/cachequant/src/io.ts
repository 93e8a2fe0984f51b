import { printable } from './print/printable.js';

/** A terminal, a pipe, or a buffer in tests: `process.stdout`, and whatever else takes text. */
export interface OutputStream {
  /** Writes text as it is. */
  write(text: string): unknown;
  /** Whether it is a terminal, on which lines can be overwritten. */
  readonly isTTY?: boolean | undefined;
}

/** What the command line has around it, so that it can run inside another program. */
export interface CliIo {
  /** Results. With `--json`, one JSON document and nothing else. */
  readonly stdout: OutputStream;
  /** Progress, warnings and errors. */
  readonly stderr: OutputStream;
  /** What is piped in. */
  readonly stdin?: AsyncIterable<Uint8Array | string>;
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** Stops a long command within one network call. */
  readonly signal?: AbortSignal;
}

/** Writes lines of text, each ended; what a terminal would act on is spelled out. */
export function writeLines(stream: OutputStream, lines: readonly string[]): void {
  if (lines.length > 0) stream.write(`${printable(lines.join('\n'))}\n`);
}

/** Writes a result for programs. Numbers that JSON has no form for, such as an infinite PSNR, become null. */
export function writeJson({ stdout }: CliIo, value: unknown): void {
  // JSON itself escapes only some of the characters that terminals act on.
  stdout.write(`${printable(JSON.stringify(value, null, 2))}\n`);
}
