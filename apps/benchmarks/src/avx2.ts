import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeHeldLibraries } from './avx2/held-libraries.js';
import { HELD_TO, startLog, untilStopped } from './command.js';
import { CACHE } from './paths.js';
import { openVinoFolder, preparePython } from './peers/python.js';

/** `peers` runs that benchmark in place of `npm run bench`; everything else is its own. */
const [first, ...rest] = process.argv.slice(2);
const ofPeers = first === 'peers';
const given = ofPeers || first === undefined ? rest : [first, ...rest];
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
  const libraries = await makeHeldLibraries(path.join(CACHE, 'avx2-libraries'), openvino, { signal, log });
  const cache = `${CACHE}-avx2`;
  await shareCache(cache);
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), ofPeers ? 'peers.js' : 'bench.js');
  // PyTorch's libraries are not held.
  const args = [script, ...given, ...(ofPeers ? ['--blocks', 'OpenVINO'] : [])];
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: libraries.preload.join(' '),
      ...(libraries.python !== undefined && { PYTHONPATH: libraries.python }),
      BENCH_CACHE: cache,
      [HELD_TO]: 'AVX2',
    },
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? 1)),
  );
}

/** Bundles differ from those of the processor with all its instructions; the rest is made once. */
async function shareCache(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of (await readdir(CACHE)).filter((each) => SHARED.test(each))) {
    const link = path.join(folder, name);
    if (!existsSync(link)) await symlink(path.join(CACHE, name), link);
  }
}
