import type { CalibrationContext } from '../calibration-context.js';
import { formatOf, wideBitsOf } from '../format.js';
import { integerForm } from '../graphs/cached-graphs.js';
import type { DenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { writeGraph } from '../graphs/float-graphs.js';
import type { FullObservation } from '../observe/observed-image.js';
import { INTEGER_FULL } from '../work/graph-files.js';
import type { StageRunner } from '../work/stage-runner.js';
import type { LayerDecision } from './decision.js';
import { experimentWeights, removeExperiment } from './layer-experiment.js';
import { withFourBits } from './layer-plan.js';
import { measureLayers } from './measure-layers.js';
import { packWeights, withPackedFloats } from './pack-weights.js';
import { sortPacked } from './packed-weights.js';
import { roundedWeights, roundWeights } from './round-weights.js';

interface Quantization {
  /** Every layer that can be in integers is. */
  readonly possible: readonly LayerDecision[];
  /** Left out: what is measured decides. */
  readonly given: readonly LayerDecision[] | undefined;
  readonly observation: FullObservation;
}

/**
 * Decides which layers compute in integers, rounds their weights, and writes the integer form of the full graph.
 */
export async function quantizeDenoiser(
  context: CalibrationContext,
  runner: StageRunner,
  graphs: DenoiserGraphs,
  { possible, given, observation }: Quantization,
) {
  const measured = given
    ? undefined
    : await measureLayers(context, runner, graphs, { possible, observation });
  const decisions = given ?? withFourBits(measured?.decisions ?? possible, formatOf(context.recipe));
  const rounded =
    context.recipe.rounding === 'second-order'
      ? await roundWeights({ context, runner, graphs, trajectory: observation.trajectory }, decisions)
      : {};
  const known = [roundedWeights(context, rounded), experimentWeights(context, measured?.records ?? {})];
  const quantized = await runner.stage({ kind: 'quantize' }, async () => {
    const made = await packWeights(context, graphs, decisions, {
      path: 'int8/weights.bin',
      bits: wideBitsOf(context.recipe.target),
      known: async (decision) => (await known[0]!(decision)) ?? known[1]!(decision),
    });
    const full = withPackedFloats(graphs.full.model, made);
    const form = integerForm(full, graphs.full, {
      packed: sortPacked(made.records),
      grids: observation.grids!,
    });
    await writeGraph(context.work, INTEGER_FULL, form);
    return made;
  });
  await removeExperiment(context);
  for (const { path } of Object.values(rounded)) await context.work.remove(path);
  const withFloats = (graph: DenoiserGraphs['full']) => ({
    ...graph,
    model: withPackedFloats(graph.model, quantized),
  });
  return {
    graphs: { ...graphs, full: withFloats(graphs.full), cached: withFloats(graphs.cached) },
    decisions,
    choice: measured?.choice,
    packed: sortPacked(quantized.records),
  };
}
