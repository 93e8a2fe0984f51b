import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NATIVE } from '../paths.js';
import { patchLibrary } from './patch-library.js';

const run = promisify(execFile);
const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
const canRun =
  process.platform === 'linux' && process.arch === 'x64' && ['cc', 'objdump', 'readelf'].every(has);

/** Prints what it asks the processor: two leaves, the second with features, and a subleaf of it. */
const ASKS = `
#include <cpuid.h>
#include <stdio.h>
int main(void) {
  unsigned asked[][2] = {{1, 0}, {7, 0}, {7, 1}};
  for (int i = 0; i < 3; i++) {
    unsigned a, b, c, d;
    __cpuid_count(asked[i][0], asked[i][1], a, b, c, d);
    printf("%u %u %u %u\\n", a, i == 0 ? b & 0xffff : b, c, d);
  }
}`;
const BROKEN = 'int main(void) { __builtin_trap(); }';

// Where a compiler or binutils are missing, the tests are listed as skipped.
describe.skipIf(!canRun)('a program held to AVX2', () => {
  let folder: string;
  const at = (name: string) => path.join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cachequant-avx2-'));
    await run('cc', ['-shared', '-fPIC', '-o', at('hold.so'), path.join(NATIVE, 'hold-to-avx2.c')]);
    for (const [name, code] of Object.entries({ asks: ASKS, broken: BROKEN })) {
      await writeFile(at(`${name}.c`), code);
      await run('cc', ['-O1', '-o', at(name), at(`${name}.c`)]);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const answers = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));

  it('is told of all features but those after AVX2', async () => {
    const count = await patchLibrary(at('asks'), at('held'), AbortSignal.timeout(60_000));
    await chmod(at('held'), 0o755);
    expect(count).toBeGreaterThan(0);
    const own = answers((await run(at('asks'))).stdout);
    const held = answers((await run(at('held'), { env: { LD_PRELOAD: at('hold.so') } })).stdout);
    expect(held[0]).toEqual(own[0]);
    const [, ebx = 0, ecx = 0] = held[1]!;
    const bit = (value: number, n: number) => (value >>> n) & 1;
    expect(bit(ebx, 5)).toBe(bit(own[1]![1]!, 5));
    expect([16, 17, 30, 31].map((n) => bit(ebx, n))).toEqual([0, 0, 0, 0]);
    expect(bit(ecx, 11)).toBe(0);
    expect([4, 5].map((n) => bit(held[2]![0]!, n))).toEqual([0, 0]);
  });

  it('ends at an instruction that is undefined by itself', async () => {
    await expect(run(at('broken'), { env: { LD_PRELOAD: at('hold.so') } })).rejects.toMatchObject({
      signal: 'SIGILL',
    });
  });
});
