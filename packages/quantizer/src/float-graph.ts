import {
  CallTableBuilder,
  cloneModel,
  liftOpset,
  type OnnxModel,
  removeDeadNodes,
  topologicalSort,
} from '@cachequant/onnx';
import type { IntegerGraphPlan } from './integer-graph-plan.js';
import { findLayers } from './layers.js';
import { storeAsIntegers } from './stored-weight.js';

/**
 * Rewrites a float graph to read its weights from the integers of an integer graph, and to compute with them in float:
 * for backends without integer kernels, over the same file of weights. Activations are not rounded.
 *
 * The weights become float when the model is loaded, by Cast and Mul on constants. (DequantizeLinear would become
 * MatMulNBits in front of a MatMul, which rounds activations to 8 bits.) The input graph is left as it was.
 * @throws CacheQuantError `unsupported` for int4 weights where `liftOpset` refuses the graph
 */
export function toFloatGraph(
  model: OnnxModel,
  { compute, store }: Pick<IntegerGraphPlan, 'compute' | 'store'>,
): OnnxModel {
  const result = cloneModel(model);
  if ([...compute.values()].some(({ integers }) => integers.dtype === 'int4')) liftOpset(result);
  const builder = new CallTableBuilder(result);
  for (const layer of findLayers(result.graph)) {
    const [computed, stored] = [compute.get(layer.id), store.get(layer.id)];
    if (computed) storeAsIntegers(builder, layer, computed, 'compute');
    else if (stored) storeAsIntegers(builder, layer, stored);
  }
  topologicalSort(result.graph);
  removeDeadNodes(result.graph);
  return result;
}
