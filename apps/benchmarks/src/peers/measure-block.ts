import type { BundleManifest, Denoiser } from '@cachequant/pipeline';
import { type Runtime, type Storage, type Tensor, tensor } from '@cachequant/tensor';
import { loadFloat, loadOurs } from '../contestants.js';
import { type Call, interleave } from '../interleave.js';
import { call } from '../measure.js';
import type { Spread } from '../results.js';
import type { Block, Peer } from './contestants.js';
import type { CutGraphs } from './cut-graphs.js';
import { OURS, type OurWay } from './our-way.js';
import { peerDenoiser } from './peer-denoiser.js';
import type { Contestant } from './peer-results.js';
import { startPeer } from './peer-worker.js';
import { sqnrDb } from './sqnr.js';

export const FLOAT = 'ONNX Runtime, float';

export interface BlockRequest {
  readonly runtime: Runtime;
  readonly model: Storage;
  readonly bundle: Storage;
  readonly manifest: BundleManifest;
  /** The float model cut where the bundle is cut. */
  readonly cut: CutGraphs;
  readonly rounds: number;
  /** Rounds are fewer where they would take longer than this; one is always made. */
  readonly budgetSeconds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Something with a full call, and mostly a cached one, that takes turns. */
interface Entrant {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly full: () => Promise<Tensor<'float32'>>;
  readonly cached?: Call;
  dispose(): Promise<void>;
}

/** Loads the anchors and a block's peers, and times their calls in turn; the first round is not counted. */
export async function measureBlock(block: Block, request: BlockRequest): Promise<Contestant[]> {
  const { signal, log } = request;
  const entrants: Entrant[] = [];
  try {
    entrants.push(await floatEntrant(request), await ourEntrant(oursInOnnxRuntime(request)));
    for (const way of block.ours ?? []) entrants.push(await ourEntrant(way));
    for (const peer of block.peers) {
      log(`loading ${peer.name}`);
      entrants.push(await peerEntrant(peer, request));
    }
    const outputs = new Map<string, Tensor<'float32'>>();
    const calls = callsOf(entrants, outputs);
    const start = performance.now();
    await interleave(calls, { rounds: 1, warmUps: 0, signal }, () => log(`${block.name}: warm-up`));
    const fitting = Math.floor((1000 * request.budgetSeconds) / (performance.now() - start));
    const rounds = Math.max(1, Math.min(request.rounds, fitting));
    const spreads = await interleave(calls, { rounds, warmUps: 0, signal }, (done, total) =>
      log(`${block.name}: round ${done + 1} of ${total}`),
    );
    return entrants.map((entrant) => describeEntrant(entrant, spreads, outputs));
  } finally {
    await Promise.all(entrants.map((entrant) => entrant.dispose()));
  }
}

function callsOf(
  entrants: readonly Entrant[],
  outputs: Map<string, Tensor<'float32'>>,
): Record<string, Call> {
  const calls: Record<string, Call> = {};
  for (const { name, full, cached } of entrants) {
    calls[`${name}/full`] = async () => {
      outputs.set(name, await full());
    };
    if (cached) calls[`${name}/cached`] = cached;
  }
  return calls;
}

function describeEntrant(
  { name, versions }: Entrant,
  spreads: Readonly<Record<string, Spread>>,
  outputs: ReadonlyMap<string, Tensor<'float32'>>,
): Contestant {
  const cached = spreads[`${name}/cached`];
  const described = { name, versions, full: spreads[`${name}/full`]!, ...(cached && { cached }) };
  if (name === FLOAT) return described;
  return { ...described, sqnrDb: sqnrDb(outputs.get(FLOAT)!.data, outputs.get(name)!.data) };
}

/** The whole float model, and the small graph that is left of it where features are cached. */
async function floatEntrant(request: BlockRequest): Promise<Entrant> {
  const { runtime, model, manifest, cut } = request;
  const full = await loadFloat(runtime, model, 'unet/model.onnx');
  const cached = await runtime.load({ path: cut.cached });
  const given = call(manifest, 0);
  const known: Record<string, Tensor> = {
    sample: given.sample,
    ...given.conditioning,
    timestep: tensor('int64', [], BigInt64Array.of(BigInt(given.timestep))),
    cached_features: tensor('float32', manifest.cut.dims),
  };
  const feeds = Object.fromEntries(cached.inputs.map(({ name }) => [name, known[name]!]));
  return {
    name: FLOAT,
    versions: { 'ONNX Runtime': runtime.version },
    full: () => full.predict(given),
    cached: async () => {
      await cached.run(feeds);
    },
    dispose: async () => {
      await Promise.all([full.dispose(), cached.dispose()]);
    },
  };
}

/** The bundle that is the anchor of all blocks. */
export function oursInOnnxRuntime({ runtime, bundle, manifest }: BlockRequest): OurWay {
  return { name: OURS, runtime, runtimeName: 'ONNX Runtime', bundle, manifest };
}

async function ourEntrant({ name, runtime, runtimeName, bundle, manifest }: OurWay): Promise<Entrant> {
  const ours = await loadOurs(runtime, bundle, manifest, { refreshCalls: [0] });
  return { ...bothCalls(ours, manifest), name, versions: { [runtimeName]: runtime.version } };
}

async function peerEntrant(
  { name, request }: Peer,
  { runtime, manifest, signal }: BlockRequest,
): Promise<Entrant> {
  const worker = await startPeer(request, runtime.threads, signal);
  return { ...bothCalls(peerDenoiser(worker, manifest, [0]), manifest), name, versions: worker.versions };
}

/** Call 0 computes everything, call 1 reuses its features. */
function bothCalls(
  denoiser: Denoiser,
  manifest: BundleManifest,
): Pick<Entrant, 'full' | 'dispose'> & { readonly cached: Call } {
  const first = call(manifest, 0);
  return {
    full: () => denoiser.predict(first),
    cached: async () => {
      await denoiser.predict({ ...first, call: 1 });
    },
    dispose: () => denoiser.dispose(),
  };
}
