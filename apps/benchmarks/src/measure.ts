import path from 'node:path';
import { type BundleManifest, type Denoiser, type DenoiserCall, loadGraph } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { refreshesFor, uniformSchedule } from '@cachequant/scheduler';
import { type ProfiledNode, type Runtime, type Storage, TorchGenerator, tensor } from '@cachequant/tensor';
import { SEEDED_CONDITIONING } from './conditioning.js';
import { type Loop, type LoopPlan, lateRefreshes, loadFloat, loadOurs, sampleOnce } from './contestants.js';
import { type Call, interleave } from './interleave.js';
import type { BenchResults } from './results.js';
import type { SearchedPlan } from './searched-plans.js';

/** What is compared, and where it is. */
export interface MeasureRequest {
  readonly runtime: Runtime;
  readonly model: Storage;
  readonly bundle: Storage;
  readonly manifest: BundleManifest;
  /** Folder with the QDQ graph of ONNX Runtime's own quantizer, where it was made. */
  readonly qdq: string | undefined;
  /** Run beside evenly spaced refreshes, where there are plans for latents of this size. */
  readonly searched: readonly SearchedPlan[];
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

type Measured = Pick<BenchResults, 'calls' | 'loops' | 'profile' | 'fullStepSpeedup' | 'cachedCallShare'>;

const LOOPS: readonly Loop[] = [
  { sampler: 'dpmsolver++', steps: 20 },
  { sampler: 'pndm', steps: 50 },
];
const INTERVALS = [3, 5, 10] as const;
const LONG_SECONDS = 120;
const LONG_STEPS = 50;

export async function measure(request: MeasureRequest): Promise<Measured> {
  const { runtime, model, bundle, manifest, qdq, log } = request;
  const profile = {
    float: await profileGraph(request, model, 'unet/model.onnx'),
    int8: await profileGraph(request, bundle, 'denoiser/full.onnx'),
    cached: await profileGraph(request, bundle, 'denoiser/cached.onnx'),
  };
  const float = await loadFloat(runtime, model, 'unet/model.onnx');
  const ours = await loadOurs(runtime, bundle, manifest, { refreshCalls: [0] });
  const plain = qdq === undefined ? undefined : await loadFloat(runtime, nodeStorage(qdq), 'model.onnx');
  try {
    const contestants: Record<string, Call> = {
      float: one(float, call(manifest, 0)),
      ...(plain && { qdq: one(plain, call(manifest, 0)) }),
      full: one(ours, call(manifest, 0)),
      cached: one(ours, call(manifest, 1)),
      cachedHalf: one(ours, conditionalHalf(manifest, 1)),
      fullHalf: one(ours, conditionalHalf(manifest, 0)),
    };
    const calls = await interleave(
      contestants,
      { rounds: request.rounds, warmUps: 1, signal: request.signal },
      (done, total) => log(`calls in turn: round ${done + 1} of ${total}`),
    );
    await ours.dispose();
    const loops = await measureLoops(request, float);
    const median = (name: string) => calls[name]!.medianMs;
    return {
      calls,
      loops,
      profile,
      fullStepSpeedup: median('float') / median('full'),
      cachedCallShare: median('cached') / median('float'),
    };
  } finally {
    await Promise.all([float.dispose(), ours.dispose(), plain?.dispose()]);
  }
}

const one =
  (denoiser: Denoiser, input: DenoiserCall): Call =>
  async () => {
    await denoiser.predict(input);
  };

/** Both halves of guidance as one batch. */
export function call({ latentDims }: BundleManifest, index: number): DenoiserCall {
  const size = latentDims.reduce((product, dim) => product * dim, 2);
  const { data, dims } = SEEDED_CONDITIONING.forSeed(1).encoder_hidden_states!;
  const both = new Float32Array(2 * data.length);
  both.set(data as Float32Array);
  both.set(data as Float32Array, data.length);
  return {
    call: index,
    timestep: 981,
    sample: tensor('float32', [2, ...latentDims], new TorchGenerator(1).randn(size)),
    conditioning: { encoder_hidden_states: tensor('float32', [2, ...dims.slice(1)], both) },
  };
}

/** The half that cached calls compute where guidance is forecast. The full call before it left features of both. */
export function conditionalHalf(manifest: BundleManifest, index: number): DenoiserCall {
  const both = call(manifest, index);
  const { data } = both.sample;
  return {
    ...both,
    half: 'conditional',
    sample: tensor('float32', [1, ...manifest.latentDims], data.slice(data.length / 2)),
    conditioning: SEEDED_CONDITIONING.forSeed(1),
  };
}

/**
 * Whole images; the float loop before and after ours, so that a drift of the machine's speed cancels, unless it takes
 * minutes.
 */
async function measureLoops(
  { runtime, bundle, manifest, searched, signal, log }: MeasureRequest,
  float: Denoiser,
): Promise<BenchResults['loops']> {
  const found: BenchResults['loops'] = [];
  for (const loop of LOOPS) {
    const name = `${loop.steps} steps of ${loop.sampler}`;
    log(`${name}: float`);
    const before = await sampleOnce(float, manifest, loop, signal);
    const rows: (LoopName & { readonly seconds: number })[] = [];
    for (const { plan, loop: run = loop, ...of } of plansOf(loop, before.calls.length, searched)) {
      log(`${name}: interval ${of.interval}, refreshes ${of.refreshes}`);
      const ours = await loadOurs(runtime, bundle, manifest, plan);
      try {
        rows.push({ ...of, seconds: (await sampleOnce(ours, manifest, run, signal)).seconds });
      } finally {
        await ours.dispose();
      }
    }
    const isLong = before.seconds > LONG_SECONDS;
    if (!isLong) log(`${name}: float again`);
    const after = isLong ? before : await sampleOnce(float, manifest, loop, signal);
    const floatSeconds = (before.seconds + after.seconds) / 2;
    for (const row of rows)
      found.push({ ...loop, ...row, floatSeconds, speedup: floatSeconds / row.seconds });
  }
  return found;
}

type LoopName = Pick<BenchResults['loops'][number], 'interval' | 'refreshes' | 'searched'>;
type NamedPlan = LoopName & {
  readonly plan: LoopPlan;
  /** Where it is not that of the float model. */
  readonly loop?: Loop;
};

/**
 * Evenly spaced refreshes as bundles come; beside the longer loop also with the late half of the refreshes computing one
 * half of guidance, and calls that were searched for.
 */
function plansOf({ steps }: Loop, calls: number, searched: readonly SearchedPlan[]): NamedPlan[] {
  const evenly = (interval: number) => uniformSchedule(calls, refreshesFor(steps, interval));
  const shipped = INTERVALS.map((interval) => ({
    interval,
    refreshes: 'both halves' as const,
    plan: { refreshCalls: evenly(interval) },
  }));
  if (steps < LONG_STEPS) return shipped;
  const late = [5, 10].map((interval) => ({
    interval,
    refreshes: 'late ones one half' as const,
    plan: { refreshCalls: evenly(interval), conditionalRefreshes: lateRefreshes(evenly(interval)) },
  }));
  return [...shipped, ...late, ...searched.map(namedSearch)];
}

function namedSearch({ interval, loop, ...plan }: SearchedPlan): NamedPlan {
  const conditional = plan.conditionalRefreshes?.length ?? 0;
  const refreshes = plan.refreshCalls.length;
  return {
    interval,
    refreshes: 'searched',
    searched: { full: refreshes - conditional, conditional, cached: loop.steps - refreshes },
    plan,
    loop,
  };
}

const PROFILED_RUNS = 3;

/** Milliseconds per kind of operator in one call, by the runtime's own profile, longest first. */
async function profileGraph(
  { runtime, manifest, log }: MeasureRequest,
  storage: Storage,
  file: string,
): Promise<BenchResults['profile']['float']> {
  log(`profile of ${path.posix.basename(path.posix.dirname(file))}/${path.posix.basename(file)}`);
  const session = await loadGraph(runtime, storage, file, { profiling: true });
  try {
    const { sample, conditioning, timestep } = call(manifest, 1);
    const features = tensor('float32', manifest.cut.dims);
    const known = {
      sample,
      ...conditioning,
      timestep: tensor('int64', [], BigInt64Array.of(BigInt(timestep))),
      call_index: tensor('int64', [], BigInt64Array.of(1n)),
      cached_features: features,
      cached_features_previous: features,
    };
    const wanted = new Set(session.inputs.map(({ name }) => name));
    const feeds = Object.fromEntries(Object.entries(known).filter(([name]) => wanted.has(name)));
    for (let run = 0; run < PROFILED_RUNS; run++) await session.run(feeds);
    return byOperator(await session.endProfiling());
  } finally {
    await session.dispose();
  }
}

function byOperator(nodes: readonly ProfiledNode[]): BenchResults['profile']['float'] {
  const sums = new Map<string, { ms: number; count: number }>();
  for (const { opType, totalMs } of nodes) {
    const sum = sums.get(opType) ?? { ms: 0, count: 0 };
    sums.set(opType, { ms: sum.ms + totalMs / PROFILED_RUNS, count: sum.count + 1 });
  }
  return [...sums].map(([opType, sum]) => ({ opType, ...sum })).sort((a, b) => b.ms - a.ms);
}
