import { execFile } from 'node:child_process';
import { cp, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { NATIVE } from '../paths.js';
import { patchLibrary } from './patch-library.js';

const run = promisify(execFile);

/** What takes the place of the runtimes' own libraries. */
export interface HeldLibraries {
  /** Loaded before everything else. */
  readonly preload: readonly string[];
  /** A folder of Python packages that comes before others, where there is an OpenVINO. */
  readonly python?: string;
}

/**
 * Compiles what answers CPUID, and copies and patches ONNX Runtime and, where it is asked for, OpenVINO.
 * @param folder an empty one
 * @param openvino the installed Python package
 * @throws Error without a C compiler or binutils
 */
export async function makeHeldLibraries(
  folder: string,
  openvino: string | undefined,
  { signal, log }: { readonly signal: AbortSignal; readonly log: (line: string) => void },
): Promise<HeldLibraries> {
  const answers = path.join(folder, 'hold-to-avx2.so');
  const source = path.join(NATIVE, 'hold-to-avx2.c');
  await run('cc', ['-O2', '-shared', '-fPIC', '-o', answers, source], { signal });
  const own = onnxRuntimeLibrary();
  const held = path.join(folder, path.basename(own));
  log(`ONNX Runtime: ${await patchLibrary(own, held, signal)} CPUIDs answered`);
  const preload = [answers, held];
  if (openvino === undefined) return { preload };
  const python = path.join(folder, 'python');
  const copy = path.join(python, 'openvino');
  await cp(openvino, copy, { recursive: true });
  log(`OpenVINO: ${await patchAll(path.join(copy, 'libs'), signal)} CPUIDs answered`);
  return { preload, python };
}

/** The one that onnxruntime-node loads by its name, so that one loaded before is taken in its place. */
function onnxRuntimeLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return path.join(path.dirname(entry), 'bin/napi-v6/linux/x64/libonnxruntime.so.1');
}

async function patchAll(folder: string, signal: AbortSignal): Promise<number> {
  const libraries = (await readdir(folder)).filter((name) => name.includes('.so'));
  let count = 0;
  for (const name of libraries) {
    const file = path.join(folder, name);
    count += await patchLibrary(file, file, signal);
  }
  return count;
}
