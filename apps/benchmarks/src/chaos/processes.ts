import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from '../paths.js';

/** The command line, as it was built. */
export const CLI = path.join(ROOT, 'packages/cachequant/dist/bin.js');

/** A process of the command line, with what it prints in files: a killed one loses no line of its log. */
export interface Command {
  readonly child: ChildProcess;
  /** Lines of its log so far, parsed. */
  readonly log: () => Record<string, unknown>[];
  readonly stderr: () => string;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** A folder for one scenario, and the processes that must not outlive it. */
export class Place {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'cachequant-chaos-'));
  readonly #commands: Command[] = [];

  in(name: string): string {
    return path.join(this.folder, name);
  }

  /** Starts the command line here. @param within a command to run it by, as `ip netns exec …` */
  start(argv: readonly string[], within: readonly string[] = []): Command {
    const name = `${this.#commands.length}-${argv[0]}`;
    const [out, err] = [this.in(`${name}.out`), this.in(`${name}.err`)];
    const files = [openSync(out, 'a'), openSync(err, 'a')] as const;
    const [program, ...args] = [...within, process.execPath, CLI, ...argv];
    const child = spawn(program!, args, { cwd: this.folder, stdio: ['ignore', ...files] });
    for (const file of files) closeSync(file);
    const ended = new Promise<number | string>((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    const command: Command = {
      ...{ child, ended },
      log: () => parsedLines(out),
      stderr: () => readFileSync(err, 'utf8'),
      async kill(signal = 'SIGKILL') {
        child.kill(signal);
        await ended;
      },
    };
    this.#commands.push(command);
    return command;
  }

  /** Logs of all commands of a kind, those that were killed as well. */
  logs(kind: string): Record<string, unknown>[] {
    return this.#commands.flatMap(({ log, child }) => (child.spawnargs.includes(kind) ? log() : []));
  }

  /** Ends what still runs, and removes the folder. */
  async leave(): Promise<void> {
    for (const { child, kill } of this.#commands)
      if (child.exitCode === null && child.signalCode === null) await kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A last line that is not whole is left out. */
export function parsedLines(file: string): Record<string, unknown>[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @throws Error when it does not hold within the seconds, or a command ends meanwhile */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { seconds = 300, command }: { readonly seconds?: number; readonly command?: Command } = {},
): Promise<void> {
  const endMs = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${seconds} s`);
    if (command && command.child.exitCode !== null && !(await holds()))
      throw new Error(`${what}: the process ended with ${command.child.exitCode}: ${command.stderr()}`);
    await pause(20);
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
