import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HeldLibraries, makeHeldLibraries } from './avx2/held-libraries.js';
import { HELD_TO, startLog, untilStopped } from './command.js';
import { CACHE } from './paths.js';
import { openVinoFolder, preparePython } from './peers/python.js';

/** `peers` runs that benchmark in place of `npm run bench`; everything else is its own. */
const ofPeers = process.argv[2] === 'peers';
const given = process.argv.slice(ofPeers ? 3 : 2);
/** What does not depend on the instructions: weights, float graphs, the environment of the peers. */
const SHARED = /^(sd15-.*|cut-\d+|nncf-.*|python)$/;

const log = startLog();

await untilStopped(benchHeld, 'Stopped. The next run goes on from here.');

async function benchHeld(signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('Libraries are held to AVX2 on Linux on x64 alone.');
  }
  if (ofPeers) await preparePython(signal, log);
  const openvino = ofPeers ? await openVinoFolder(signal) : undefined;
  const cache = `${CACHE}-avx2`;
  await shareCache(cache);
  // Made for each run, so that they are always those of the runtimes that are installed.
  const folder = await mkdtemp(path.join(tmpdir(), 'cachequant-avx2-'));
  try {
    process.exitCode = await runHeld(
      await makeHeldLibraries(folder, openvino, { signal, log }),
      cache,
      signal,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The exit code of the benchmark. */
function runHeld({ preload, python }: HeldLibraries, cache: string, signal: AbortSignal): Promise<number> {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), ofPeers ? 'peers.js' : 'bench.js');
  // PyTorch's libraries are not held.
  const args = [script, ...given, ...(ofPeers ? ['--blocks', 'OpenVINO'] : [])];
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: preload.join(' '),
      ...(python !== undefined && { PYTHONPATH: python }),
      BENCH_CACHE: cache,
      [HELD_TO]: 'AVX2',
    },
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

/** Bundles differ from those of the processor with all its instructions; the rest is made once. */
async function shareCache(folder: string): Promise<void> {
  for (const each of [CACHE, folder]) await mkdir(each, { recursive: true });
  for (const name of (await readdir(CACHE)).filter((each) => SHARED.test(each))) {
    const link = path.join(folder, name);
    if (!existsSync(link)) await symlink(path.join(CACHE, name), link);
  }
}
