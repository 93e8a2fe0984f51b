import type { OnnxNode } from '../model.js';
import { CONTROL_FLOW_RULES } from './control-flow.js';
import { CONVOLUTION_RULES } from './convolution.js';
import { CREATION_RULES } from './creation.js';
import { EINSUM_RULES } from './einsum.js';
import { ELEMENTWISE_RULES } from './elementwise.js';
import type { TensorFacts } from './facts.js';
import { FUSED_RULES } from './fused-operators.js';
import { GATHERING_RULES } from './gathering.js';
import { GROWING_RULES } from './growing.js';
import { JOINING_RULES } from './joining.js';
import { LAYOUT_RULES } from './layout.js';
import { MATRIX_PRODUCT_RULES } from './matrix-product.js';
import { NORMALIZATION_RULES } from './normalization.js';
import { QUANTIZATION_RULES } from './quantization.js';
import { REDUCTION_RULES } from './reduction.js';
import { RESIZE_RULES } from './resize.js';
import { type RuleContext, type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';
import { SLICING_RULES } from './slicing.js';

const RULES: ReadonlyMap<string, ShapeRule> = new Map(
  Object.entries({
    ...ELEMENTWISE_RULES,
    ...LAYOUT_RULES,
    ...SLICING_RULES,
    ...JOINING_RULES,
    ...GATHERING_RULES,
    ...GROWING_RULES,
    ...CREATION_RULES,
    ...REDUCTION_RULES,
    ...CONVOLUTION_RULES,
    ...MATRIX_PRODUCT_RULES,
    ...EINSUM_RULES,
    ...NORMALIZATION_RULES,
    ...QUANTIZATION_RULES,
    ...RESIZE_RULES,
    ...CONTROL_FLOW_RULES,
  } satisfies ShapeRules),
);

/** Every operator that inference knows, as `operatorKey` names it. */
export const KNOWN_OPERATORS: readonly string[] = [...RULES.keys()];

const WITH_FUSED: ReadonlyMap<string, ShapeRule> = new Map([...RULES, ...Object.entries(FUSED_RULES)]);

/** Every operator whose shape is known: those that inference knows, and those of fusions. */
export const SHAPED_OPERATORS: ReadonlySet<string> = new Set(WITH_FUSED.keys());

/** 'Type' for standard operators, 'domain.Type' for others. */
export function operatorKey(node: OnnxNode): string {
  return node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`;
}

/**
 * What is known of a node's outputs; nothing for operators that inference does not know.
 * @param fused also for operators that fusions write for one kind of device
 * @throws CacheQuantError `shape` when the node cannot run on its inputs
 */
export function inferOutputs(context: RuleContext, fused = false): readonly TensorFacts[] {
  const outputs = (fused ? WITH_FUSED : RULES).get(operatorKey(context.node))?.(context) ?? [];
  for (const { dims } of outputs) {
    if (dims?.some((dim) => typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0))) {
      throw shapeError(
        context.node,
        'a dimension comes out impossible',
        'whole numbers from 0 to 2^53',
        showDims(dims),
      );
    }
  }
  return outputs;
}
