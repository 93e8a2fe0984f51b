import { scalarOf, type TensorFacts, UNKNOWN } from './facts.js';
import type { ShapeRule, ShapeRules } from './rule.js';

/** What holds of both branches. */
function common(a: TensorFacts | undefined, b: TensorFacts | undefined): TensorFacts {
  if (a === undefined || b === undefined) return UNKNOWN;
  const dtype = a.dtype === b.dtype ? a.dtype : null;
  if (a.dims === undefined || a.dims.length !== b.dims?.length) return { dtype, dims: undefined };
  return { dtype, dims: a.dims.map((dim, axis) => (dim === b.dims?.[axis] ? dim : null)) };
}

const conditional: ShapeRule = ({ node, inputs, inferBranch }) => {
  const yes = node.attributes.get('then_branch');
  const no = node.attributes.get('else_branch');
  if (yes?.type !== 'graph' || no?.type !== 'graph') return [];
  const condition = scalarOf(inputs[0]);
  if (typeof condition === 'number') return inferBranch(condition === 0 ? no.value : yes.value);
  const whenTrue = inferBranch(yes.value);
  const whenFalse = inferBranch(no.value);
  return node.outputs.map((_, position) => common(whenTrue[position], whenFalse[position]));
};

export const CONTROL_FLOW_RULES: ShapeRules = { If: conditional };
