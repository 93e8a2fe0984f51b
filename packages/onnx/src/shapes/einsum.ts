import type { Dim, OnnxNode } from '../model.js';
import { getString } from '../node.js';
import type { TensorFacts } from './facts.js';
import { type ShapeRule, type ShapeRules, shapeError, showDims } from './rule.js';

/** An Einsum equation without ellipsis. */
export interface EinsumEquation {
  /** One string of labels per operand. */
  readonly operands: string[];
  readonly result: string;
}

/** @returns undefined for equations with an ellipsis */
export function parseEquation(equation: string): EinsumEquation | undefined {
  const compact = equation.replaceAll(' ', '');
  if (compact.includes('.')) return undefined;
  const [left, right] = compact.split('->');
  const operands = (left ?? '').split(',');
  return { operands, result: right ?? impliedResult(operands.join('')) };
}

/** Without an arrow, the labels that occur once, in alphabetical order. */
function impliedResult(labels: string): string {
  return [...new Set(labels)]
    .filter((label) => labels.split(label).length === 2)
    .sort()
    .join('');
}

/**
 * The length of each label.
 * @throws CacheQuantError `shape` when operands do not fit the equation or each other
 */
export function labelLengths(
  node: OnnxNode,
  equation: EinsumEquation,
  inputs: readonly (TensorFacts | undefined)[],
): Map<string, Dim> {
  const lengths = new Map<string, Dim>();
  for (const [position, labels] of equation.operands.entries()) {
    const dims = inputs[position]?.dims;
    if (dims === undefined) continue;
    if (dims.length !== labels.length) {
      throw shapeError(node, 'an operand does not fit the equation', `rank ${labels.length}`, showDims(dims));
    }
    for (const [axis, label] of [...labels].entries()) {
      lengths.set(label, mergeLengths(node, label, lengths.get(label), dims[axis]!));
    }
  }
  return lengths;
}

function mergeLengths(node: OnnxNode, label: string, known: Dim | undefined, next: Dim): Dim {
  if (known === undefined || known === null || known === 1) return next;
  if (typeof known === 'number' && typeof next === 'number' && next !== 1 && next !== known) {
    throw shapeError(node, `the lengths of label "${label}" differ`, `${known}`, `${next}`);
  }
  return typeof next === 'number' && typeof known !== 'number' && next !== 1 ? next : known;
}

const einsum: ShapeRule = ({ node, inputs }) => {
  const dtype = inputs[0]?.dtype ?? null;
  const equation = parseEquation(getString(node, 'equation', ''));
  if (equation === undefined) return [{ dtype, dims: undefined }];
  const lengths = labelLengths(node, equation, inputs);
  return [{ dtype, dims: [...equation.result].map((label) => lengths.get(label) ?? null) }];
};

export const EINSUM_RULES: ShapeRules = { Einsum: einsum };
