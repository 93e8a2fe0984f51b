import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openBundle } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { createOpenVinoRuntime } from '@cachequant/runtime-openvino';
import { runChild } from './child.js';
import { describeMachine, HELD_TO, startLog, untilStopped } from './command.js';
import { CACHE, FULL_LATENTS, QUICK_LATENTS, RESULTS } from './paths.js';
import { BLOCKS, peerBlocks, SERVERS } from './peers/contestants.js';
import { type CutGraphs, writeCutGraphs } from './peers/cut-graphs.js';
import { type BlockRequest, FLOAT, measureBlock } from './peers/measure-block.js';
import { bestPeer, INTERVALS, measuredLoops, summedLoops } from './peers/measure-loops.js';
import { OURS, OURS_IN_OPENVINO, type OurWay } from './peers/our-way.js';
import { type PeerResults, peerResultsSchema } from './peers/peer-results.js';
import { renderPeersPage } from './peers/peers-page.js';
import { openVinoFolder, preparePython, runPython } from './peers/python.js';
import { resultsName } from './results.js';
import { benchPeers as benchServers } from './serve/bench-peers.js';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    'block-seconds': { type: 'string', default: '150' },
    /** Names of blocks, between commas; all when left out. */
    blocks: { type: 'string' },
    /** Intervals whose loops run, between commas; all when left out. */
    ran: { type: 'string' },
  },
});
const size = values.full ? FULL_LATENTS : QUICK_LATENTS;
/** As the machines have for which the targets were set. */
const THREADS = 2;
/** Whole pictures take minutes each. */
const SERVED = values.full ? { steps: 20, rounds: 1 } : { steps: 10, rounds: 3 };
/** Statistics of a few samples: the values do not matter for time. */
const NNCF_SAMPLES = 2;

const log = startLog();
const ran = intervalsToRun();

const wanted = blocksToRun();

await untilStopped(async (signal) => {
  if (wanted.some((name) => name !== SERVERS)) await benchPeers(signal);
  if (wanted.includes(SERVERS)) await benchServers({ ...SERVED, size: 8 * size, signal, log });
}, 'Stopped.');

async function benchPeers(signal: AbortSignal): Promise<void> {
  const made = path.join(CACHE, `bundle-${size}`);
  if (!existsSync(path.join(made, 'cachequant.json'))) {
    throw new Error(`There is no bundle yet: run \`npm run bench${values.full ? ' -- --full' : ''}\` first.`);
  }
  await preparePython(signal, log);
  const bundle = nodeStorage(made);
  const { manifest } = await openBundle(bundle, { check: 'sizes' });
  const cut = await writeCutGraphs({
    denoiser: path.join(CACHE, 'sd15-unet/unet'),
    out: path.join(CACHE, `cut-${size}`),
    inputDims: { sample: [2, ...manifest.latentDims], timestep: [], encoder_hidden_states: [2, 77, 768] },
    cut: manifest.cut.id,
  });
  const inOpenVino = await oursInOpenVino(signal);
  const nncf = await quantizeByNncf(cut, manifest.cut.id, signal);
  const blocks = peerBlocks(cut, nncf, inOpenVino).filter(({ name }) => wanted.includes(name));
  const runtime = await createNodeRuntime({ threads: THREADS });
  const request: BlockRequest = {
    runtime,
    model: nodeStorage(path.join(CACHE, 'sd15-unet')),
    bundle,
    manifest,
    cut,
    rounds: Number(values.rounds),
    budgetSeconds: Number(values['block-seconds']),
    signal,
    log,
  };
  const measured: PeerResults['blocks'] = [];
  for (const block of blocks) {
    measured.push({ name: block.name, contestants: await measureBlock(block, request) });
  }
  const summed = summedLoops(measured);
  const loops = [...summed, ...(await measuredLoops(bestPeer(blocks, summed), [inOpenVino], request, ran))];
  const { int8FullRange } = await runtime.capabilities();
  await Promise.all([runtime.dispose(), inOpenVino.runtime.dispose()]);
  const results = peerResultsSchema.parse({
    model: 'Stable Diffusion 1.5 U-Net',
    mode: values.full ? 'full' : 'quick',
    latentSize: size,
    batch: 2,
    tokens: 77,
    threads: THREADS,
    measuredAt: new Date().toISOString(),
    machine: {
      ...describeMachine(),
      int8FullRange,
      bfloat16: hasBfloat16(),
    },
    cut: manifest.cut.id,
    blocks: measured,
    fullCallAgainstBestPeer: againstBestPeer(measured),
    loops,
  });
  await mkdir(RESULTS, { recursive: true });
  const name = path.join(RESULTS, resultsName('sd15-unet-peers', values.full, results.machine));
  await writeFile(`${name}.json`, `${JSON.stringify(results, null, 2)}\n`);
  const page = renderPeersPage(results);
  await writeFile(`${name}.md`, page);
  console.log(`\n${page}`);
}

function intervalsToRun(): readonly number[] {
  const asked = values.ran?.split(',').map(Number) ?? INTERVALS;
  if (asked.every((interval) => INTERVALS.includes(interval))) return asked;
  throw new Error(`--ran takes some of ${INTERVALS.join(',')}, got "${values.ran}".`);
}

function blocksToRun(): readonly string[] {
  const asked = values.blocks?.split(',') ?? BLOCKS;
  const known: readonly string[] = BLOCKS;
  if (asked.every((name) => known.includes(name))) return asked;
  throw new Error(`--blocks takes some of ${BLOCKS.join(',')}, got "${values.blocks}".`);
}

/** A bundle of the same model with standard operators, in OpenVINO as it computes by itself: in bfloat16 where it can. */
async function oursInOpenVino(signal: AbortSignal): Promise<OurWay> {
  const made = path.join(CACHE, `bundle-${size}-qdq`);
  const work = path.join(CACHE, `work-${size}-qdq`);
  await runChild(
    'optimize-sd15.js',
    [path.join(CACHE, 'sd15-unet'), work, made, String(size), 'qdq'],
    signal,
    log,
  );
  const bundle = nodeStorage(made);
  const { manifest } = await openBundle(bundle, { check: 'sizes' });
  const library = await openVinoFolder(signal);
  const runtime = await createOpenVinoRuntime({ library, threads: THREADS, precision: 'fastest' });
  return { name: OURS_IN_OPENVINO, bundle, manifest, runtime, runtimeName: 'OpenVINO' };
}

/** Once: it takes minutes, and does not depend on the bundle but for the cut. */
async function quantizeByNncf(float: CutGraphs, cut: string, signal: AbortSignal): Promise<CutGraphs> {
  const folder = path.join(CACHE, `nncf-${size}-${cut}`);
  await mkdir(folder, { recursive: true });
  const graphs = { full: path.join(folder, 'full.xml'), cached: path.join(folder, 'cached.xml') };
  for (const kind of ['full', 'cached'] as const) {
    if (existsSync(graphs[kind])) continue;
    log(`NNCF quantizes the ${kind} graph`);
    await runPython('quantize_nncf.py', [float[kind], graphs[kind], String(NNCF_SAMPLES)], signal);
  }
  return graphs;
}

function againstBestPeer(blocks: PeerResults['blocks']): PeerResults['fullCallAgainstBestPeer'] {
  const ratios = blocks.flatMap(({ contestants }) => {
    const msOf = (name: string) => contestants.find((each) => each.name === name)?.full.medianMs;
    const [ours, inOpenVino] = [msOf(OURS)!, msOf(OURS_IN_OPENVINO)];
    const peers = contestants.filter(({ name }) => ![FLOAT, OURS, OURS_IN_OPENVINO].includes(name));
    return peers.map(({ name, full: { medianMs } }) => ({
      peer: name,
      ratio: medianMs / ours,
      ...(inOpenVino && { inOpenVino: medianMs / inOpenVino }),
    }));
  });
  return ratios.reduce((least, each) => (each.ratio < least.ratio ? each : least));
}

/** Whether the processor multiplies bfloat16 itself; Linux tells, elsewhere it counts as not. */
function hasBfloat16(): boolean {
  if (process.env[HELD_TO] !== undefined) return false;
  try {
    return /\b(avx512_bf16|amx_bf16)\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
