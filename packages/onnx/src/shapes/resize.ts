import type { Dim, OnnxNode } from '../model.js';
import { getFloat, getInts, getString } from '../node.js';
import { normalizeAxis } from './dims.js';
import { type TensorFacts, UNKNOWN } from './facts.js';
import { type ShapeRule, type ShapeRules, shapeError } from './rule.js';

function isGiven(input: TensorFacts | undefined): input is TensorFacts {
  return input !== undefined && !(input.dims?.length === 1 && input.dims[0] === 0);
}

/** The entries of scales or sizes for each resized axis, null where they are not known. */
function entriesFor(
  node: OnnxNode,
  input: TensorFacts,
  axes: readonly number[],
  what: string,
): readonly Dim[] {
  const entries = input.values ?? axes.map(() => null);
  if (entries.length !== axes.length) {
    throw shapeError(node, `${what} do not fit the tensor`, `${axes.length} entries`, `${entries.length}`);
  }
  return entries;
}

function byScale(dim: Dim, scale: Dim): Dim {
  if (typeof dim === 'number' && typeof scale === 'number') return Math.floor(Math.fround(dim * scale));
  return scale === 1 ? dim : null;
}

/** Keeping the aspect ratio makes all axes follow the smallest or the largest of the asked scales. */
function keepRatio(policy: string, lengths: readonly Dim[], sizes: readonly Dim[]): readonly Dim[] {
  if (policy === 'stretch') return sizes;
  const scales = sizes.map((size, at) => {
    const length = lengths[at];
    return typeof size === 'number' && typeof length === 'number' ? size / length : Number.NaN;
  });
  const scale = policy === 'not_larger' ? Math.min(...scales) : Math.max(...scales);
  return lengths.map((length) =>
    typeof length === 'number' && !Number.isNaN(scale) ? Math.round(length * scale) : null,
  );
}

const resize: ShapeRule = ({ node, opset, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  const listed = getInts(
    node,
    'axes',
    dims.map((_, axis) => axis),
  );
  const axes = listed.map((axis) => normalizeAxis(node, axis, dims.length));
  const scales = inputs[opset < 11 ? 1 : 2];
  const sizes = opset < 11 ? undefined : inputs[3];
  const resized = [...dims];
  if (isGiven(sizes)) {
    const asked = entriesFor(node, sizes, axes, 'sizes');
    const lengths = axes.map((axis) => dims[axis] ?? null);
    const kept = keepRatio(getString(node, 'keep_aspect_ratio_policy', 'stretch'), lengths, asked);
    for (const [at, axis] of axes.entries()) resized[axis] = kept[at] ?? null;
  } else if (isGiven(scales)) {
    const asked = entriesFor(node, scales, axes, 'scales');
    for (const [at, axis] of axes.entries()) resized[axis] = byScale(dims[axis]!, asked[at] ?? null);
  }
  return [{ dtype, dims: resized }];
};

const upsample: ShapeRule = ({ node, inputs }) => {
  const { dtype, dims } = inputs[0] ?? UNKNOWN;
  if (dims === undefined) return [{ dtype, dims }];
  const attribute = node.attributes.get('scales');
  const scales =
    attribute?.type === 'floats'
      ? attribute.value
      : (inputs[1]?.values ?? [1, 1, getFloat(node, 'height_scale', 1), getFloat(node, 'width_scale', 1)]);
  return [{ dtype, dims: dims.map((dim, axis) => byScale(dim, scales[axis] ?? null)) }];
};

export const RESIZE_RULES: ShapeRules = { Resize: resize, Upsample: upsample };
