import {
  AffineMoments,
  type AffineSnapshot,
  type ChannelLayout,
  channelLayout,
} from '@cachequant/correction';
import type { Layer } from '@cachequant/quantizer';
import type { Session, Tensor } from '@cachequant/tensor';
import { CACHE_NAME, type Laboratory, PREVIOUS_CACHE_NAME, runGraph, withGraphs } from '../laboratory.js';
import { readRecord, TensorRecorder, type TensorRecords } from '../work/tensor-records.js';
import { anchorCalls, cachedCalls, type FloatTrajectory, type ReplayedCall, replay } from './trajectory.js';

/** A layer whose output is corrected, with its bias, which the fit leaves out. */
export interface CorrectedLayer {
  readonly layer: Layer;
  readonly bias: Float32Array | undefined;
}

/** Graphs whose corrected layers' outputs are outputs of the graph. */
export interface ExposedGraphs {
  readonly floatFull: string;
  readonly integerFull: string;
  readonly floatCached: string;
  readonly integerCached: string;
}

type Floats = Tensor<'float32'>;

/** Some calls of every recorded image, and what the graphs are fed at them beyond the call itself. */
interface Pass {
  readonly calls: readonly number[];
  readonly features: (replayed: ReplayedCall) => Promise<Record<string, Tensor>>;
}

/**
 * Moments of what the corrected layers give in integers against what they give in float, on the same inputs:
 * the float trajectory, and at cached calls the float model's cached tensors.
 *
 * One graph is loaded at a time; what the integer layers gave waits on disk for the float ones.
 * @returns by layer id, even and odd images apart
 */
export async function observeOutputs(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  graphs: ExposedGraphs,
  refreshSteps: readonly number[],
  corrected: readonly CorrectedLayer[],
): Promise<Record<string, [AffineSnapshot, AffineSnapshot]>> {
  const { calls } = lab.sampler;
  const moments = new Map(
    corrected.map(({ layer }) => {
      const shape = { calls, channels: layer.outputChannels };
      return [layer.id, [new AffineMoments(shape), new AffineMoments(shape)] as const];
    }),
  );
  const compare = (image: number, call: number, given: readonly Floats[], truth: readonly Floats[]) => {
    for (const [i, { layer, bias }] of corrected.entries()) {
      const layout = channelLayout(truth[i]!.dims);
      const x = withoutBias(given[i]!, bias, layout);
      moments.get(layer.id)![image % 2]!.observe(call, x, withoutBias(truth[i]!, bias, layout), layout);
    }
  };
  const names = corrected.map(({ layer }) => layer.output);
  const refreshes: Pass = { calls: refreshSteps, features: async () => ({}) };
  const full = await record(lab, trajectory, graphs.integerFull, refreshes, names, 'full');
  const cached: Pass = {
    calls: cachedCalls(lab, refreshSteps),
    features: async ({ image, call }) => {
      const [newest, previous] = anchorCalls(refreshSteps, call.call);
      const anchorAt = async (at: number) => (await readRecord(lab.work, trajectory.images[image]!, at))[1]!;
      return { [CACHE_NAME]: await anchorAt(newest), [PREVIOUS_CACHE_NAME]: await anchorAt(previous) };
    },
  };
  const reused = await record(lab, trajectory, graphs.integerCached, cached, names, 'cached');
  for (const [graph, pass, given] of [
    [graphs.floatCached, cached, reused],
    [graphs.floatFull, refreshes, full],
  ] as const) {
    await run(lab, trajectory, graph, pass, names, async ({ image, call }, truth, index) => {
      compare(image, call.call, await readRecord(lab.work, given[image]!, index), truth);
    });
  }
  await lab.work.remove(RECORDS);
  return Object.fromEntries([...moments].map(([id, [even, odd]]) => [id, [even.snapshot(), odd.snapshot()]]));
}

const RECORDS = 'int8/outputs';

/** Runs a pass and keeps its outputs on disk, one file for each image, one record for each call. */
async function record(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  graph: string,
  pass: Pass,
  outputs: readonly string[],
  name: string,
): Promise<TensorRecords[]> {
  const finished: TensorRecords[] = [];
  let recorder: TensorRecorder | undefined;
  try {
    await run(lab, trajectory, graph, pass, outputs, async ({ image }, results, index) => {
      recorder ??= new TensorRecorder(lab.work, `${RECORDS}/${name}-${image}.bin`);
      await recorder.add(results);
      if (index < pass.calls.length - 1) return;
      finished.push(await recorder.finish());
      recorder = undefined;
    });
    return finished;
  } finally {
    await recorder?.abort();
  }
}

async function run(
  lab: Laboratory,
  trajectory: FloatTrajectory,
  graph: string,
  { calls, features }: Pass,
  outputs: readonly string[],
  visit: (replayed: ReplayedCall, results: readonly Floats[], index: number) => Promise<void>,
): Promise<void> {
  await withGraphs(lab, { graph }, async ({ graph: session }: { readonly graph: Session }) => {
    let index = 0;
    for await (const replayed of replay(lab, trajectory, calls)) {
      const results = await runGraph(lab, session, replayed.call, outputs, await features(replayed));
      await visit(
        replayed,
        outputs.map((name) => results[name]!),
        index % calls.length,
      );
      index += 1;
    }
  });
}

function withoutBias(
  { data }: Floats,
  bias: Float32Array | undefined,
  { channels, positions, channelsLast }: ChannelLayout,
): Float32Array {
  if (!bias) return data;
  return data.map(
    (value, i) => value - bias[channelsLast ? i % channels : Math.floor(i / positions) % channels]!,
  );
}
