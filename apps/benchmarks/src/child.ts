import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchMemory } from './memory-watch.js';

export interface ChildResult {
  readonly seconds: number;
  readonly peakBytes: number;
  /** With mapped files. */
  readonly peakResidentBytes: number;
  /** Lines of standard output. */
  readonly lines: readonly string[];
}

/** Is told each line of standard output, and the most memory until then. */
export type OnLine = (line: string, peakBytes: number) => void;

/**
 * Runs one of this app's scripts in a process of its own and watches its memory.
 * @throws Error when it fails
 */
export function runChild(
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  onLine: OnLine,
): Promise<ChildResult> {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), script);
  return runWatched(process.execPath, [file, ...args], signal, onLine);
}

/**
 * Runs a program and watches its memory and that of all it starts.
 * @throws Error when it fails
 */
export async function runWatched(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  onLine: OnLine,
): Promise<ChildResult> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const watch = watchMemory(child.pid!);
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop()!;
    for (const line of parts) {
      lines.push(line);
      onLine(line, watch.peakBytes);
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  watch.stop();
  signal.removeEventListener('abort', end);
  if (code !== 0) throw new Error(`${path.basename(args[0]!)} ended with exit code ${code}`);
  const { peakBytes, peakResidentBytes } = watch;
  return { seconds: (performance.now() - start) / 1000, peakBytes, peakResidentBytes, lines };
}
