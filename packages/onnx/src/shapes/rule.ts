import { CacheQuantError } from '@cachequant/tensor';
import type { Dim, OnnxGraph, OnnxNode } from '../model.js';
import { describeNode } from '../node.js';
import type { TensorFacts } from './facts.js';

/** What a rule may look at. */
export interface RuleContext {
  readonly node: OnnxNode;
  /** Version of the operator set the node belongs to. */
  readonly opset: number;
  /** Facts of each input; undefined where an optional input is left out. */
  readonly inputs: readonly (TensorFacts | undefined)[];
  /** Infers a branch that sees the tensors around the node, and returns the facts of its outputs. */
  inferBranch(graph: OnnxGraph): readonly TensorFacts[];
}

/** Facts of the node's outputs, in order; outputs beyond the list are unknown. */
export type ShapeRule = (context: RuleContext) => readonly TensorFacts[];

/** Operator type ('domain.Type' outside ai.onnx) → rule. */
export type ShapeRules = Readonly<Record<string, ShapeRule>>;

/** The error for a node whose inputs cannot go together. */
export function shapeError(node: OnnxNode, summary: string, expected: string, got: string): CacheQuantError {
  return new CacheQuantError('shape', summary, {
    where: describeNode(node),
    expected,
    got,
    hint: 'Check the shapes given for the graph inputs, or the graph itself.',
  });
}

export function showDims(dims: readonly Dim[] | undefined): string {
  return dims === undefined ? '[…]' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}
