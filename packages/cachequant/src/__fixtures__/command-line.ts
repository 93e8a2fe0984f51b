import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { CliIo } from '../io.js';
import { run } from '../run.js';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** A file or folder of the repository. */
export function inRepository(path: string): string {
  return join(repository, path);
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachequant-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Surroundings that keep what is printed. */
export function recordedIo(
  cwd: string,
  onStderr?: (text: string) => void,
): { io: CliIo; stdout: () => string; stderr: () => string } {
  const [stdout, stderr] = [textSink(), textSink(onStderr)];
  return {
    io: { stdout: stdout.stream, stderr: stderr.stream, cwd },
    stdout: stdout.text,
    stderr: stderr.text,
  };
}

export interface CliSurroundings {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** What is piped in. */
  readonly stdin?: string;
  /** Called with everything that was printed so far. */
  readonly onStderr?: (text: string) => void;
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in this process; paths start from the repository if nothing else is said. */
export async function cachequant(
  argv: readonly string[],
  { cwd = repository, signal, stdin, onStderr }: CliSurroundings = {},
): Promise<CliResult> {
  const { io, stdout, stderr } = recordedIo(cwd, onStderr);
  const exitCode = await run(argv, {
    ...io,
    ...(signal && { signal }),
    ...(stdin !== undefined && { stdin: Readable.from([stdin]) }),
  });
  return { exitCode, stdout: stdout(), stderr: stderr() };
}

function textSink(onText?: (text: string) => void): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer | string, _, done) {
      text += chunk.toString();
      onText?.(text);
      done();
    },
  });
  return { stream, text: () => text };
}
