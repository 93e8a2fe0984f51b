import type { OnnxNode } from '../model.js';
import { CONTROL_FLOW_RULES } from './control-flow.js';
import { CONVOLUTION_RULES } from './convolution.js';
import { CREATION_RULES } from './creation.js';
import { EINSUM_RULES } from './einsum.js';
import { ELEMENTWISE_RULES } from './elementwise.js';
import { GROWING_RULES } from './growing.js';
import { LAYOUT_RULES } from './layout.js';
import { MATRIX_PRODUCT_RULES } from './matrix-product.js';
import { NORMALIZATION_RULES } from './normalization.js';
import { QUANTIZATION_RULES } from './quantization.js';
import { REDUCTION_RULES } from './reduction.js';
import { RESIZE_RULES } from './resize.js';
import type { ShapeRule, ShapeRules } from './rule.js';
import { SLICING_RULES } from './slicing.js';

const RULES: ReadonlyMap<string, ShapeRule> = new Map(
  Object.entries({
    ...ELEMENTWISE_RULES,
    ...LAYOUT_RULES,
    ...SLICING_RULES,
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

/** 'Type' for standard operators, 'domain.Type' for others. */
export function operatorKey(node: OnnxNode): string {
  return node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`;
}

/** The rule for a node's operator, or undefined for operators that inference does not know. */
export function ruleFor(node: OnnxNode): ShapeRule | undefined {
  return RULES.get(operatorKey(node));
}
