import type { CalibrationContext } from '../calibration-context.js';
import { targetOf, wideBitsOf } from '../format.js';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { readGraph } from '../graphs/float-graphs.js';
import type { FullObservation } from '../observe/observed-image.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import type { StageRunner } from '../work/stage-runner.js';
import { chooseLayers } from './choose-layers.js';
import type { LayerChoice, LayerDecision } from './decision.js';
import { EXPERIMENT_WEIGHTS, type LayerExperiment } from './layer-experiment.js';
import { settleLayers } from './layer-plan.js';
import { localErrors } from './local-errors.js';
import { measureTimes } from './measure-times.js';
import { packWeights } from './pack-weights.js';
import { type PackedRecord, sortPacked } from './packed-weights.js';
import { cachedPartOf } from './picture-shares.js';

/** What the measurements of layers lead to. */
export interface MeasuredLayers {
  readonly decisions: readonly LayerDecision[];
  readonly choice: LayerChoice;
  /** The experiment's weights, by layer id. */
  readonly records: Readonly<Record<string, PackedRecord>>;
}

/**
 * Quantizes everything that can be, measures each layer's time and error, and decides what stays in float.
 * @returns undefined where all layers are to be integers, or none can be
 */
export async function measureLayers(
  context: CalibrationContext,
  runner: StageRunner,
  graphs: DenoiserGraphs,
  {
    possible,
    observation,
  }: { readonly possible: readonly LayerDecision[]; readonly observation: FullObservation },
): Promise<MeasuredLayers | undefined> {
  if (context.recipe.layers === 'all' || !possible.some(({ compute }) => compute === 'integer'))
    return undefined;
  const bits = wideBitsOf(context.recipe.target);
  const { records } = await runner.stage({ kind: 'layer-experiment' }, () =>
    packWeights(context, graphs, possible, { path: EXPERIMENT_WEIGHTS, bits }),
  );
  const experiment: LayerExperiment = {
    context,
    graph: graphs.full,
    float: await readGraph(context.work, FLOAT_FULL),
    packed: sortPacked(records),
    grids: observation.grids!,
    trajectory: observation.trajectory,
    cachedPart: cachedPartOf(graphs),
  };
  // Where another runtime computes the layers, this one's times say nothing.
  const { kernels } = targetOf(context.recipe.target);
  const times =
    Object.keys(kernels).length === 0
      ? {}
      : await runner.stage({ kind: 'layer-times' }, () => measureTimes(experiment));
  const errors = await runner.stage({ kind: 'layer-errors' }, () => localErrors(experiment));
  const choice = await runner.stage({ kind: 'layer-choice' }, () => chooseLayers(experiment, times));
  return { decisions: settleLayers(possible, { times, errors, choice }), choice, records };
}
