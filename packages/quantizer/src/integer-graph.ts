import {
  CallTableBuilder,
  cloneModel,
  liftOpset,
  type OnnxModel,
  removeDeadNodes,
  setOpset,
  topologicalSort,
} from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { IntegerGraphPlan } from './integer-graph-plan.js';
import { findLayers, type Layer } from './layers.js';
import { GridRows } from './scales-per-call.js';
import { shareZeroPoints } from './shared-zero-point.js';
import { storeAsIntegers } from './stored-weight.js';
import type { IntegerTarget } from './targets/integer-target.js';
import { onnxRuntimeTarget } from './targets/onnxruntime/onnxruntime-target.js';

/** The tensors whose grids an integer graph needs. */
export function activationSites(
  layers: readonly Layer[],
  target: IntegerTarget = onnxRuntimeTarget,
): string[] {
  return [...new Set(layers.flatMap((layer) => target.gridSites(layer)))];
}

/** The tensors whose zero point may not change with the call. */
export function constantZeroPointSites(
  layers: readonly Layer[],
  target: IntegerTarget = onnxRuntimeTarget,
): string[] {
  return layers.flatMap((layer) => target.constantZeroPoints(layer));
}

/**
 * Rewrites a float graph so that the planned layers run as integers, with scales, zero points and biases
 * chosen by `call_index`.
 *
 * What a layer becomes is the target's to say; tensors that it wants so have one zero point for all calls
 * (`shareZeroPoints`). The input graph is left as it was; names of inputs and outputs stay.
 * @param model without biases at the convolutions to compute (`detachBiases`)
 * @throws CacheQuantError `calibration` when a tensor has no grid, `shape` when a correction does not fit its
 * layer or an image's size is not known, `unsupported` below opset 13 and for a convolution with a bias,
 * and for int4 weights where `liftOpset` refuses the graph
 */
export function toIntegerGraph(
  model: OnnxModel,
  plan: IntegerGraphPlan,
  target: IntegerTarget = onnxRuntimeTarget,
): OnnxModel {
  const result = cloneModel(model);
  for (const [domain, version] of Object.entries(target.opsets)) setOpset(result, domain, version);
  if ([...plan.compute.values()].some(({ integers }) => integers.dtype === 'int4')) liftOpset(result);
  const layers = findLayers(result.graph);
  const computed = layers.filter((layer) => plan.compute.has(layer.id));
  for (const layer of computed) checkCorrection(layer, plan);
  const builder = new CallTableBuilder(result);
  for (const layer of layers) {
    const stored = plan.store.get(layer.id);
    if (stored) storeAsIntegers(builder, layer, stored);
  }
  if (computed.length > 0) {
    const grids = shareZeroPoints(plan.grids, constantZeroPointSites(computed, target));
    const rows = new GridRows(builder, grids, activationSites(computed, target));
    target.write(builder, rows, computed, plan);
  }
  topologicalSort(result.graph);
  removeDeadNodes(result.graph);
  return result;
}

function checkCorrection({ id, outputChannels }: Layer, { corrections, grids }: IntegerGraphPlan): void {
  const correction = corrections.get(id);
  if (!correction) return;
  const { scale, offset } = correction;
  const count = grids.calls * outputChannels;
  const fits = scale.length === count && offset.length === count;
  if (fits && scale.every((value) => value > 0 && Number.isFinite(value)) && offset.every(Number.isFinite))
    return;
  throw new CacheQuantError('shape', 'a correction does not fit its layer', {
    where: id,
    expected: `${grids.calls} × ${outputChannels} finite scales above zero and as many finite offsets`,
    got: fits ? 'others' : `${scale.length} and ${offset.length}`,
  });
}
