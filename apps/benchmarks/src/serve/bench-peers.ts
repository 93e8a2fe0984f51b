import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { CLI } from '../chaos/processes.js';
import { runWatched } from '../child.js';
import { describeMachine } from '../command.js';
import { CACHE, FULL_LATENTS, RESULTS, ROOT } from '../paths.js';
import { resultsName } from '../results.js';
import { writeBlock } from '../write-block.js';
import { measurePeers, ours, type PeerRequest, sdServer } from './measure-peers.js';
import { type PeerServers, peerServersSchema, peerServerTables } from './peer-results.js';
import { PACKAGE, prepareServer, VERSION } from './sd-server.js';
import { writeSd15Folder } from './sd15-folder.js';

export interface BenchPeersOptions {
  /** Pixels of a side. */
  readonly size: number;
  readonly steps: number;
  /** Pictures of each server. */
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

const NAME = 'serve-peers';
/** From this size on, results are those of `--full`. */
const FULL_PIXELS = 8 * FULL_LATENTS;
/** As the machines have for which the targets were set. */
const THREADS = 2;
const SD = { type: 'q8_0', threads: THREADS } as const;
const INTERVAL = 3;
const GUIDANCE = 7.5;
const PROMPT = 'a photo of a red sneaker';

/** Our server beside stable-diffusion.cpp's, on the same weights, in one run. What is made for it is made once. */
export async function benchPeers(options: BenchPeersOptions): Promise<void> {
  const { size, steps, rounds, signal, log } = options;
  const program = await prepareServer(signal, log);
  const checkpoint = path.join(CACHE, 'sd15-checkpoint');
  await writeSd15Folder(checkpoint, signal, log);
  const bundle = await bundleOf(checkpoint, options);
  const request: PeerRequest = {
    ...{ prompt: PROMPT, width: size, height: size, steps },
    ...{ cfg_scale: GUIDANCE, sampler_name: 'Euler' },
  };
  const contestants = [
    ours(`cachequant, the bundle at interval ${INTERVAL}`, bundle, THREADS),
    ours('cachequant, the folder as it is, in float', checkpoint, THREADS),
    sdServer(program, checkpoint, SD),
    sdServer(program, checkpoint, { ...SD, cache: 'spectrum' }),
    sdServer(program, checkpoint, { ...SD, cache: 'ucache' }),
  ];
  const servers = await measurePeers(contestants, request, { rounds, log });
  const results: PeerServers = peerServersSchema.parse({
    measuredAt: new Date().toISOString(),
    machine: { ...describeMachine(), int8FullRange: await multipliesFullRange() },
    peer: `stable-diffusion.cpp's sd-server out of ${PACKAGE} ${VERSION}, built for this processor`,
    threads: THREADS,
    request,
    servers,
  });
  const name = path.join(RESULTS, resultsName(NAME, size >= FULL_PIXELS, results.machine));
  writeFileSync(`${name}.json`, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(`${name}.md`, `# Servers side by side\n\n${peerServerTables(results).join('\n')}\n`);
  writeBlock(path.join(ROOT, 'docs/serving.md'), `bench:${NAME}`, committedTables());
}

/** Tables of all sizes and processors that have results. */
function committedTables(): string[] {
  const names = [false, true].flatMap((full) =>
    [true, false].map((int8FullRange) => resultsName(NAME, full, { int8FullRange })),
  );
  const files = names.map((name) => path.join(RESULTS, `${name}.json`));
  const tables = files
    .filter((file) => existsSync(file))
    .map((file) => peerServerTables(peerServersSchema.parse(JSON.parse(readFileSync(file, 'utf8')))));
  return tables.flatMap((table, at) => (at === 0 ? table : ['', ...table]));
}

async function multipliesFullRange(): Promise<boolean> {
  const runtime = await createNodeRuntime();
  try {
    return (await runtime.capabilities()).int8FullRange;
  } finally {
    await runtime.dispose();
  }
}

async function bundleOf(
  checkpoint: string,
  { size, steps, signal, log }: BenchPeersOptions,
): Promise<string> {
  const bundle = path.join(CACHE, `sd15-bundle-${size}-${steps}`);
  if (existsSync(path.join(bundle, 'cachequant.json'))) return bundle;
  log('making the bundle');
  const argv = [
    ...[CLI, 'optimize', checkpoint, '--out', bundle, '--width', String(size), '--height', String(size)],
    ...['--sampler', 'euler', '--steps', String(steps), '--guidance-scale', String(GUIDANCE)],
    ...['--interval', String(INTERVAL), '--effort', 'fast', '--threads', String(THREADS)],
    ...['--calibration-images', '2', '--verification-images', '1', '--off-calibration-images', '0'],
  ];
  await runWatched(process.execPath, argv, signal, log);
  return bundle;
}
