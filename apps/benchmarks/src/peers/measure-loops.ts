import type { BundleManifest, Denoiser } from '@cachequant/pipeline';
import { refreshesFor, uniformSchedule } from '@cachequant/scheduler';
import { type Loop, type LoopPlan, lateRefreshes, loadFloat, loadOurs, sampleOnce } from '../contestants.js';
import { call, conditionalHalf } from '../measure.js';
import type { Block, Peer } from './contestants.js';
import { type BlockRequest, FLOAT, oursInOnnxRuntime } from './measure-block.js';
import { OURS, type OurWay } from './our-way.js';
import { peerDenoiser } from './peer-denoiser.js';
import type { Contestant, PeerLoop, PeerResults } from './peer-results.js';
import { startPeer } from './peer-worker.js';

const LOOPS: readonly (Loop & { readonly calls: number })[] = [
  { sampler: 'dpmsolver++', steps: 20, calls: 20 },
  // The first step of PLMS takes two calls.
  { sampler: 'pndm', steps: 50, calls: 51 },
];
export const INTERVALS: readonly number[] = [3, 5, 10];
/** With which refreshes, and what a bundle does with the unconditional half of guidance, which peers compute always. */
const OUR_PLANS: readonly { readonly suffix: string; plan(refreshCalls: readonly number[]): LoopPlan }[] = [
  { suffix: '', plan: (refreshCalls) => ({ refreshCalls, guidance: 'computed' }) },
  // As bundles come.
  { suffix: ', one half at cached calls', plan: (refreshCalls) => ({ refreshCalls }) },
  {
    suffix: ', one half at cached calls and late refreshes',
    plan: (refreshCalls) => ({ refreshCalls, conditionalRefreshes: lateRefreshes(refreshCalls) }),
  },
];

/** Whole images summed up from full and cached calls, against the float model of the same block. */
export function summedLoops(blocks: PeerResults['blocks']): PeerLoop[] {
  return blocks.flatMap(({ contestants }, block) => {
    const float = contestants.find(({ name }) => name === FLOAT)!.full.medianMs;
    // The anchors are in every block; their own loops are told once.
    const told = contestants.filter(({ name }) => block === 0 || (name !== FLOAT && name !== OURS));
    return told.flatMap((contestant) => loopsOf(contestant, float));
  });
}

function loopsOf({ name, full, cached }: Contestant, floatMs: number): PeerLoop[] {
  if (!cached) return [];
  return LOOPS.flatMap(({ sampler, steps, calls }) =>
    INTERVALS.map((interval) => {
      const refreshes = refreshesFor(steps, interval);
      const ms = refreshes * full.medianMs + (calls - refreshes) * cached.medianMs;
      const speedup = (calls * floatMs) / ms;
      return { name, sampler, steps, interval, seconds: ms / 1000, speedup, measured: false };
    }),
  );
}

/** The peer with the fastest summed loop of the longest kind at interval 5. */
export function bestPeer(blocks: readonly Block[], loops: readonly PeerLoop[]): Peer {
  const peers = blocks.flatMap((block) => block.peers);
  const rivals = loops.filter(
    ({ name, sampler, interval }) =>
      sampler === LOOPS.at(-1)!.sampler && interval === 5 && peers.some((peer) => peer.name === name),
  );
  const best = rivals.reduce((fastest, loop) => (loop.speedup > fastest.speedup ? loop : fastest));
  return peers.find(({ name }) => name === best.name)!;
}

/**
 * Whole images of 50 PLMS steps that really run: the best peer and ours in turn, the float loop before all. Sessions are
 * warm, as those of a server are.
 */
export async function measuredLoops(
  peer: Peer,
  others: readonly OurWay[],
  request: BlockRequest,
  intervals: readonly number[],
): Promise<PeerLoop[]> {
  const { runtime, model, manifest, signal, log } = request;
  const { sampler, steps, calls } = LOOPS.at(-1)!;
  const time = (denoiser: Denoiser) => secondsOf(denoiser, manifest, { sampler, steps }, signal);
  log(`${steps} steps of ${sampler}: float`);
  const float = await time(await loadFloat(runtime, model, 'unet/model.onnx'));
  const loops: PeerLoop[] = [];
  for (const interval of intervals) {
    const refreshes = uniformSchedule(calls, refreshesFor(steps, interval));
    log(`${steps} steps of ${sampler}, interval ${interval}: ${peer.name}, then ours`);
    const add = (name: string, seconds: number) =>
      loops.push({ name, sampler, steps, interval, seconds, speedup: float / seconds, measured: true });
    const rival = await startPeer(peer.request, runtime.threads, signal);
    add(peer.name, await time(peerDenoiser(rival, manifest, refreshes)));
    for (const way of [oursInOnnxRuntime(request), ...others]) {
      for (const { suffix, plan } of OUR_PLANS) {
        const ours = await loadOurs(way.runtime, way.bundle, way.manifest, plan(refreshes));
        add(`${way.name}${suffix}`, await time(ours));
      }
    }
  }
  return loops;
}

/** One image from noise to latents; the denoiser is given up afterwards. */
async function secondsOf(
  denoiser: Denoiser,
  manifest: BundleManifest,
  loop: Loop,
  signal: AbortSignal,
): Promise<number> {
  try {
    await warmUp(denoiser, manifest, signal);
    return (await sampleOnce(denoiser, manifest, loop, signal)).seconds;
  } finally {
    await denoiser.dispose();
  }
}

/** One call of every kind that the loop makes: OpenVINO compiles for a batch size when it first sees it. */
async function warmUp(denoiser: Denoiser, manifest: BundleManifest, signal: AbortSignal): Promise<void> {
  const seen = new Set<string>();
  for (let index = 0; index < LOOPS.at(-1)!.calls; index++) {
    const alone = denoiser.conditionalAlone?.(index) ?? false;
    const kind = `${denoiser.kindOf(index)}, ${alone ? 'one half' : 'both'}`;
    if (seen.has(kind)) continue;
    seen.add(kind);
    const input = alone ? conditionalHalf(manifest, index) : call(manifest, index);
    await denoiser.predict(input, { signal });
  }
  denoiser.reset();
}
