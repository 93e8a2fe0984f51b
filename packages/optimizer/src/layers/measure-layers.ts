import { wideBitsOf } from '../format.js';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { readGraph } from '../graphs/float-graphs.js';
import type { Laboratory } from '../laboratory.js';
import type { FullObservation } from '../observe/observe-full.js';
import { FLOAT_FULL } from '../work/graph-files.js';
import type { StageRunner } from '../work/stage-runner.js';
import { chooseLayers } from './choose-layers.js';
import type { LayerChoice, LayerDecision } from './decision.js';
import { settleLayers } from './layer-plan.js';
import { localErrors } from './local-errors.js';
import { measureTimes } from './measure-times.js';
import { packWeights } from './pack-weights.js';
import { type PackedRecord, sortPacked } from './packed-weights.js';
import { TRIAL_WEIGHTS, type Trial } from './trial.js';

/** What the measurements of layers lead to. */
export interface MeasuredLayers {
  readonly decisions: readonly LayerDecision[];
  readonly choice: LayerChoice;
  /** The trial's weights, by layer id. */
  readonly records: Readonly<Record<string, PackedRecord>>;
}

/**
 * Quantizes everything that can be, measures each layer's time and error, and decides what stays in float.
 * @returns undefined where all layers are to be integers, or none can be
 */
export async function measureLayers(
  lab: Laboratory,
  runner: StageRunner,
  graphs: DenoiserGraphs,
  {
    possible,
    observation,
  }: { readonly possible: readonly LayerDecision[]; readonly observation: FullObservation },
): Promise<MeasuredLayers | undefined> {
  if (lab.recipe.layers === 'all' || !possible.some(({ compute }) => compute === 'integer')) return undefined;
  const bits = wideBitsOf(lab.recipe.target);
  const { records } = await runner.stage({ kind: 'trial' }, () =>
    packWeights(lab, graphs, possible, { path: TRIAL_WEIGHTS, bits }),
  );
  const trial: Trial = {
    lab,
    graph: graphs.full,
    float: await readGraph(lab.work, FLOAT_FULL),
    packed: sortPacked(records),
    grids: observation.grids!,
    trajectory: observation.trajectory,
  };
  const times = await runner.stage({ kind: 'layer-times' }, () => measureTimes(trial));
  const errors = await runner.stage({ kind: 'layer-errors' }, () => localErrors(trial));
  const choice = await runner.stage({ kind: 'layer-choice' }, () => chooseLayers(trial, times, errors));
  return { decisions: settleLayers(possible, { times, errors, choice }), choice, records };
}
