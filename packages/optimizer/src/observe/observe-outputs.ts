import {
  AffineMoments,
  type AffineSnapshot,
  type ChannelLayout,
  channelLayout,
} from '@cachequant/correction';
import type { Layer } from '@cachequant/quantizer';
import type { Tensor, TwoFold } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { readRecord, TensorRecorder, type TensorRecords } from '../work/tensor-records.js';
import { observe, replayedFeeds } from './observe.js';
import { anchorFeeds, cachedCalls, type FloatTrajectory, type ReplayedCall, replay } from './trajectory.js';

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

/** A graph at some calls of every recorded image, and what it is fed at them beyond the call itself. */
interface Pass {
  readonly graph: string;
  readonly calls: readonly number[];
  readonly feeds?: ReturnType<typeof anchorFeeds>;
}

/**
 * Moments of what the corrected layers give in integers against what they give in float, on the same inputs:
 * the float trajectory, and at cached calls the float model's cached tensors.
 *
 * One graph is loaded at a time; what the integer layers gave waits on disk for the float ones.
 * @returns by layer id, even and odd images apart
 */
export async function observeOutputs(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  graphs: ExposedGraphs,
  refreshCalls: readonly number[],
  corrected: readonly CorrectedLayer[],
): Promise<Record<string, TwoFold<AffineSnapshot>>> {
  const { calls } = context.sampler;
  const moments = new Map(
    corrected.map(({ layer }) => {
      const shape = { calls, channels: layer.outputChannels };
      const halves: TwoFold<AffineMoments> = [new AffineMoments(shape), new AffineMoments(shape)];
      return [layer.id, halves];
    }),
  );
  const compare = (image: number, call: number, given: readonly Floats[], truth: readonly Floats[]) => {
    for (const [i, { layer, bias }] of corrected.entries()) {
      const layout = channelLayout(truth[i]!.dims);
      const x = withoutBias(given[i]!, bias, layout);
      moments.get(layer.id)![image % 2]!.observe(call, x, withoutBias(truth[i]!, bias, layout), layout);
    }
  };
  const run = passRunner(
    context,
    trajectory,
    corrected.map(({ layer }) => layer.output),
  );
  const refreshes = { calls: refreshCalls };
  const cached = {
    calls: cachedCalls(context, refreshCalls),
    feeds: anchorFeeds(context, trajectory, refreshCalls),
  };
  const full = await record(context, run, { graph: graphs.integerFull, ...refreshes }, 'full');
  const reused = await record(context, run, { graph: graphs.integerCached, ...cached }, 'cached');
  for (const [pass, given] of [
    [{ graph: graphs.floatCached, ...cached }, reused],
    [{ graph: graphs.floatFull, ...refreshes }, full],
  ] as const) {
    await run(pass, async (truth, { image, call }, index) => {
      compare(image, call.call, await readRecord(context.work, given[image]!, index), truth);
    });
  }
  await context.work.remove(RECORDS);
  return Object.fromEntries([...moments].map(([id, [even, odd]]) => [id, [even.snapshot(), odd.snapshot()]]));
}

const RECORDS = 'int8/outputs';

/** Runs a pass; `visit` gets the outputs in their order, and the index of the call in the pass. */
type RunPass = (
  pass: Pass,
  visit: (results: readonly Floats[], replayed: ReplayedCall, index: number) => Promise<void>,
) => Promise<void>;

function passRunner(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  outputs: readonly string[],
): RunPass {
  return ({ graph, calls, feeds }, visit) =>
    observe(context, graph, replay(context, trajectory, calls), {
      outputs,
      feeds: replayedFeeds(feeds),
      record: (results, replayed) =>
        visit(
          outputs.map((name) => results[name]!),
          replayed,
          calls.indexOf(replayed.call.call),
        ),
      result: () => undefined,
    });
}

/** Runs a pass and keeps its outputs on disk, one file for each image, one record for each call. */
async function record(
  context: CalibrationContext,
  run: RunPass,
  pass: Pass,
  name: string,
): Promise<TensorRecords[]> {
  const finished: TensorRecords[] = [];
  let recorder: TensorRecorder | undefined;
  try {
    await run(pass, async (results, { image }, index) => {
      recorder ??= new TensorRecorder(context.work, `${RECORDS}/${name}-${image}.bin`);
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
