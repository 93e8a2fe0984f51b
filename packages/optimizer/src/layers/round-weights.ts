import { createWeightFile } from '@cachequant/onnx';
import { type Layer, type PackedWeight, packWeight, type SecondMoments } from '@cachequant/quantizer';
import { type TwoFold, throwIfAborted } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { readGraph } from '../graphs/float-graphs.js';
import { type MomentWave, momentWaves } from '../observe/moment-waves.js';
import { observeMoments } from '../observe/observe-moments.js';
import type { FloatTrajectory } from '../observe/trajectory.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import type { StageRunner } from '../work/stage-runner.js';
import type { LayerDecision } from './decision.js';
import type { PackOptions } from './pack-weights.js';
import { weightIn } from './packed-weights.js';

/** A weight that was rounded, and its file in the work folder. */
export interface RoundedWeight {
  readonly path: string;
  readonly packed: PackedWeight;
}

/** What rounding works on. */
export interface RoundingContext {
  readonly context: CalibrationContext;
  readonly runner: StageRunner;
  readonly graphs: DenoiserGraphs;
  readonly trajectory: FloatTrajectory;
}

/**
 * Rounds the 4-bit weights by the second moments of their layers' inputs, wave by wave; each wave is a stage, which
 * a stopped run does not repeat. Layers whose inputs cannot be observed are left to plain rounding.
 * @returns by layer id
 */
export async function roundWeights(
  { context, runner, graphs, trajectory }: RoundingContext,
  decisions: readonly LayerDecision[],
): Promise<Record<string, RoundedWeight>> {
  const chosen = new Set(decisions.filter(({ storage }) => storage === 'int4').map(({ id }) => id));
  const layers = graphs.full.layers.filter(({ id }) => chosen.has(id));
  const rounded: Record<string, RoundedWeight> = {};
  for (const [i, wave] of momentWaves(layers, graphs.full.shapes).entries()) {
    const made = await runner.stage({ kind: 'round', part: i }, async () => {
      const moments = await observeMoments(
        context,
        trajectory,
        await readGraph(context.work, FLOAT_FULL),
        wave,
      );
      return roundWave(context, layers, { wave, moments, path: `rounded/${i}.bin` });
    });
    Object.assign(rounded, made);
  }
  return rounded;
}

/** The rounded weights for `packWeights`. */
export function roundedWeights(
  { work }: Pick<CalibrationContext, 'work'>,
  rounded: Readonly<Record<string, RoundedWeight>>,
): NonNullable<PackOptions['known']> {
  return async ({ id }) => {
    const weight = rounded[id];
    return weight && weightIn(work, weight.path, weight.packed);
  };
}

/** A wave whose layers' inputs were observed. */
interface ObservedWave {
  readonly wave: MomentWave;
  /** By site. */
  readonly moments: readonly TwoFold<SecondMoments>[];
  /** Takes the rounded weights. */
  readonly path: string;
}

async function roundWave(
  context: CalibrationContext,
  layers: readonly Layer[],
  { wave, moments, path }: ObservedWave,
): Promise<Record<string, RoundedWeight>> {
  const file = await createWeightFile(context.work, path, { location: 'weights.bin' });
  const rounded: Record<string, RoundedWeight> = {};
  try {
    for (const [id, site] of wave.siteOf) {
      throwIfAborted(context.signal);
      const layer = layers.find((candidate) => candidate.id === id)!;
      const packed = await packWeight(layer, {
        bits: 4,
        purpose: 'compute',
        sink: (weight) => file.add(weight),
        moments: moments[site]!,
        signal: context.signal,
      });
      rounded[id] = { path, packed };
    }
    await file.commit();
    return rounded;
  } catch (error) {
    await file.abort();
    throw error;
  }
}
