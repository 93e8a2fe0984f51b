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
import { GridRows } from './grid-rows.js';
import { integerConvolutions } from './integer-convolution.js';
import type { IntegerGraphPlan } from './integer-graph-plan.js';
import { integerProduct } from './integer-product.js';
import { findLayers, type Layer } from './layers.js';
import { shareZeroPoints } from './shared-zero-point.js';
import { storeAsIntegers } from './stored-weight.js';

/** The tensors whose grids an integer graph needs: inputs of integer layers, outputs of integer convolutions. */
export function activationSites(layers: readonly Layer[]): string[] {
  const sites = new Set<string>();
  for (const layer of layers) {
    sites.add(layer.input);
    if (layer.kind === 'convolution') sites.add(layer.output);
  }
  return [...sites];
}

/** The tensors whose zero point may not change with the call: inputs of integer convolutions. */
export function convolutionInputs(layers: readonly Layer[]): string[] {
  return layers.filter(({ kind }) => kind === 'convolution').map(({ input }) => input);
}

/**
 * Rewrites a float graph so that the planned layers run as integers, with scales, zero points and biases
 * chosen by `call_index`.
 *
 * Convolutions become QLinearConv (which takes scales as runtime tensors at full speed), linear layers and 1×1
 * convolutions MatMulIntegerToFloat (whose output is not rounded). Inputs of convolutions have one zero point
 * for all calls (`shareZeroPoints`). The input graph is left as it was; names of inputs and outputs stay.
 * @param model without biases at the convolutions to compute (`detachBiases`)
 * @throws CacheQuantError `calibration` when a tensor has no grid, `shape` when a correction does not fit its
 * layer or an image's size is not known, `unsupported` below opset 13 and for a convolution with a bias,
 * and for int4 weights where `liftOpset` refuses the graph
 */
export function toIntegerGraph(model: OnnxModel, plan: IntegerGraphPlan): OnnxModel {
  const result = cloneModel(model);
  setOpset(result, 'com.microsoft', 1);
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
    const convolutions = computed.filter((layer) => layer.kind === 'convolution');
    const grids = shareZeroPoints(plan.grids, convolutionInputs(convolutions));
    const rows = new GridRows(builder, grids, activationSites(computed));
    integerConvolutions(builder, rows, convolutions, plan);
    for (const layer of computed) {
      if (layer.kind !== 'convolution') integerProduct(builder, rows, layer, plan);
    }
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
