import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchMemory } from './memory-watch.js';

export interface ChildResult {
  readonly seconds: number;
  readonly peakBytes: number;
  /** Lines of standard output. */
  readonly lines: readonly string[];
}

/**
 * Runs one of this app's scripts in a process of its own and watches its memory.
 * @throws Error when it fails
 */
export async function runChild(
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<ChildResult> {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), script);
  const start = performance.now();
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
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
      onLine(line);
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  watch.stop();
  signal.removeEventListener('abort', end);
  if (code !== 0) throw new Error(`${script} ended with exit code ${code}`);
  return { seconds: (performance.now() - start) / 1000, peakBytes: watch.peakBytes, lines };
}
