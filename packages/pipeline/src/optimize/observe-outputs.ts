import { AffineMoments, type AffineSnapshot, channelLayout } from '@cachequant/correction';
import type { Layer } from '@cachequant/quantizer';
import type { Session, Tensor } from '@cachequant/tensor';
import type { DenoiserCall } from '../generate/denoiser.js';
import {
  CACHE_NAME,
  type Laboratory,
  observingDenoiser,
  PREVIOUS_CACHE_NAME,
  runGraph,
  sampleCalibration,
  withGraphs,
} from './laboratory.js';

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

/**
 * Moments of what the corrected layers give in integers against what they give in float, on the same inputs:
 * the float trajectory, and at cached calls the quantized model's own cached tensors.
 * @returns by layer id, even and odd images apart
 */
export async function observeOutputs(
  lab: Laboratory,
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
  await withGraphs(lab, graphs, (sessions) => gather(lab, sessions, refreshSteps, corrected, moments));
  return Object.fromEntries([...moments].map(([id, [even, odd]]) => [id, [even.snapshot(), odd.snapshot()]]));
}

async function gather(
  lab: Laboratory,
  sessions: Readonly<Record<keyof ExposedGraphs, Session>>,
  refreshSteps: readonly number[],
  corrected: readonly CorrectedLayer[],
  moments: ReadonlyMap<string, readonly [AffineMoments, AffineMoments]>,
): Promise<void> {
  const names = corrected.map(({ layer }) => layer.output);
  const refreshes = new Set(refreshSteps);
  let anchors: Tensor[] = [];
  let current = 0;

  async function compare(
    call: DenoiserCall,
    float: Session,
    integer: Session,
    extra: Record<string, Tensor>,
  ) {
    const truth = await runGraph(lab, float, call, names, extra);
    const result = await runGraph(lab, integer, call, names, extra);
    for (const { layer, bias } of corrected) {
      const layout = channelLayout(truth[layer.output]!.dims);
      const x = withoutBias(result[layer.output]!, bias, layout);
      const y = withoutBias(truth[layer.output]!, bias, layout);
      moments.get(layer.id)![current % 2]!.observe(call.call, x, y, layout);
    }
  }

  const denoiser = observingDenoiser(sessions.floatFull, async (call) => {
    const outputs = await runGraph(lab, sessions.floatFull, call, [lab.output]);
    if (refreshes.has(call.call)) {
      const refreshed = await runGraph(lab, sessions.integerFull, call, [CACHE_NAME]);
      anchors = [refreshed[CACHE_NAME]!, ...(call.call === 0 ? [] : anchors.slice(0, 1))];
      await compare(call, sessions.floatFull, sessions.integerFull, {});
    } else {
      const features = { [CACHE_NAME]: anchors[0]!, [PREVIOUS_CACHE_NAME]: anchors[1] ?? anchors[0]! };
      await compare(call, sessions.floatCached, sessions.integerCached, features);
    }
    return outputs[lab.output]!;
  });
  await sampleCalibration(lab, 'correct', denoiser, {
    before: (image) => {
      current = image;
    },
  });
}

function withoutBias(
  { data }: Tensor<'float32'>,
  bias: Float32Array | undefined,
  { channels, positions, channelsLast }: ReturnType<typeof channelLayout>,
): Float32Array {
  if (!bias) return data;
  return data.map(
    (value, i) => value - bias[channelsLast ? i % channels : Math.floor(i / positions) % channels]!,
  );
}
