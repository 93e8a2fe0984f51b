import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const CPUID = [0x0f, 0xa2] as const;
/** An instruction as long as CPUID that no processor has. */
const UD0 = [0x0f, 0xff] as const;

/** A part of a file that is loaded. */
interface Segment {
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/**
 * Writes a copy of a library with UD0 in place of every CPUID, which native/hold-to-avx2.c then answers.
 * @returns how many there were
 * @throws Error where binutils are missing, or the file is not what its disassembly says
 */
export async function patchLibrary(from: string, to: string, signal: AbortSignal): Promise<number> {
  const segments: Segment[] = [];
  for await (const line of linesOf('readelf', ['-lW', from], signal)) {
    const found = /^\s*LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/.exec(line);
    if (!found) continue;
    const [offset, address, bytes] = found.slice(1).map((digits) => Number.parseInt(digits, 16));
    segments.push({ offset: offset!, address: address!, bytes: bytes! });
  }
  const library = await readFile(from);
  let count = 0;
  for await (const line of linesOf('objdump', ['-d', '--no-show-raw-insn', from], signal)) {
    const found = /^\s*([0-9a-f]+):\s+cpuid\b/.exec(line);
    if (!found) continue;
    const at = offsetOf(Number.parseInt(found[1]!, 16), segments);
    if (library[at] !== CPUID[0] || library[at + 1] !== CPUID[1]) {
      throw new Error(`${from} has no CPUID at ${found[1]}, where its disassembly has one.`);
    }
    library.set(UD0, at);
    count += 1;
  }
  await writeFile(to, library);
  return count;
}

function offsetOf(address: number, segments: readonly Segment[]): number {
  const segment = segments.find((each) => address >= each.address && address < each.address + each.bytes);
  if (!segment) throw new Error(`No segment has the address ${address.toString(16)}.`);
  return segment.offset + address - segment.address;
}

/** Lines of a program's standard output, as they come: disassemblies are gigabytes. */
async function* linesOf(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', () => reject(new Error(`${program} does not run; it is part of binutils.`)));
    child.once('close', resolve);
  });
  yield* createInterface({ input: child.stdout });
  const code = await ended;
  if (code !== 0) throw new Error(`${program} ended with exit code ${code} on ${args.at(-1)}.`);
}
