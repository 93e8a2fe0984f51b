import { type DType, fromBfloat16, fromBytes, fromFloat16, toBytes } from '@cachequant/tensor';
import { inferShapes } from './analyze/infer-shapes.js';
import { usedNames, visitGraphs } from './analyze/subgraph.js';
import { topologicalSort } from './analyze/topological-sort.js';
import { cloneModel } from './edit/clone-model.js';
import { freshName } from './edit/fresh-name.js';
import { elementTypeOf } from './element-types.js';
import type { OnnxGraph, OnnxModel, OnnxNode, ValueInfo, Weight } from './model.js';
import { getInt, makeNode } from './node.js';

const FLOAT32 = elementTypeOf('float32');
const NARROW = new Set([elementTypeOf('float16'), elementTypeOf('bfloat16')]);

/** Attributes that name the element type of an output. */
const TYPE_ATTRIBUTES = ['to', 'dtype'];

/**
 * Rewrites a graph that computes in float16 or bfloat16, wholly or in part, to compute in float32: inputs, outputs and
 * everything between. Weights stay where they are, in 16 bits, and are cast when the model is loaded (`widenWeights`
 * reads them as float32 instead). The results differ from those of the given graph by its own rounding.
 *
 * @returns undefined for a graph that computes nothing in 16 bits, and for one with 16-bit weights inside of the bodies of
 * If, Loop and Scan that lie in other files
 */
export function computeInFloat32(model: OnnxModel): OnnxModel | undefined {
  if (!computesNarrow(model)) return undefined;
  const wide = cloneModel(model);
  const { graph } = wide;
  let isWhole = true;
  visitGraphs(graph, (inner) => {
    for (const info of [...inner.inputs, ...inner.outputs, ...inner.valueInfo.values()]) widenInfo(info);
    inner.nodes.forEach(widenNode);
    if (inner === graph) return;
    for (const [name, weight] of inner.initializers) {
      inner.initializers.set(name, widenBytes(weight));
      isWhole &&= !isNarrow(inner.initializers.get(name)!);
    }
  });
  for (const { nodes } of wide.functions) nodes.forEach(widenNode);
  if (!isWhole) return undefined;
  castConstants(graph);
  castInitializers(graph);
  topologicalSort(graph);
  passIdleCasts(wide);
  return wide;
}

function isNarrow({ elementType }: Pick<Weight | ValueInfo, 'elementType'>): boolean {
  return NARROW.has(elementType);
}

/** Whether there is more in 16 bits than weights that are cast to float32. */
function computesNarrow({ graph, functions }: OnnxModel): boolean {
  let found = false;
  const look = (nodes: readonly OnnxNode[]) => {
    found ||= nodes.some(
      (node) =>
        namesNarrowType(node) ||
        [...node.attributes.values()].some(({ type, value }) => type === 'tensor' && isNarrow(value)),
    );
  };
  visitGraphs(graph, ({ inputs, outputs, nodes, initializers }) => {
    found ||= [...inputs, ...outputs].some(isNarrow);
    const narrow = new Set([...initializers.values()].filter(isNarrow).map(({ name }) => name));
    found ||= narrow.size > 0 && nodes.some((node) => !isWidening(node) && reads(node, narrow));
    look(nodes);
  });
  for (const { nodes } of functions) look(nodes);
  return found;
}

function reads(node: OnnxNode, names: ReadonlySet<string>): boolean {
  return [...usedNames(node)].some((name) => names.has(name));
}

function isWidening(node: OnnxNode): boolean {
  return node.opType === 'Cast' && node.domain === '' && getInt(node, 'to', 0) === FLOAT32;
}

function namesNarrowType(node: OnnxNode): boolean {
  return TYPE_ATTRIBUTES.some((name) => NARROW.has(getInt(node, name, 0)));
}

function widenInfo(info: ValueInfo): void {
  if (isNarrow(info)) Object.assign(info, { dtype: 'float32', elementType: FLOAT32 });
}

function widenNode(node: OnnxNode): void {
  for (const name of TYPE_ATTRIBUTES) {
    const attribute = node.attributes.get(name);
    if (attribute?.type === 'int' && NARROW.has(Number(attribute.value))) attribute.value = BigInt(FLOAT32);
  }
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'tensor' && node.opType !== 'Constant')
      attribute.value = widenBytes(attribute.value);
  }
}

const CONVERTERS: Partial<Record<DType, (bytes: Uint8Array) => Float32Array>> = {
  float16: (bytes) => fromFloat16(fromBytes('float16', bytes)),
  bfloat16: (bytes) => fromBfloat16(fromBytes('bfloat16', bytes)),
};

/** The same numbers in float32, for those in memory. */
function widenBytes(weight: Weight): Weight {
  const convert = weight.dtype ? CONVERTERS[weight.dtype] : undefined;
  if (convert === undefined || weight.data.kind !== 'bytes') return weight;
  const bytes = toBytes(convert(weight.data.bytes));
  return { ...weight, dtype: 'float32', elementType: FLOAT32, data: { kind: 'bytes', bytes } };
}

/** Small constants become float32; others initializers. */
function castConstants(graph: OnnxGraph): void {
  visitGraphs(graph, (inner) => {
    for (const node of inner.nodes) {
      const value = node.opType === 'Constant' ? node.attributes.get('value') : undefined;
      if (value?.type === 'tensor') value.value = widenBytes(value.value);
    }
  });
  graph.nodes = graph.nodes.filter((node) => {
    const value = node.opType === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.type !== 'tensor' || !isNarrow(value.value)) return true;
    const [name] = node.outputs as [string];
    graph.initializers.set(name, { ...value.value, name });
    return false;
  });
}

/** Puts a Cast between each 16-bit weight and those that do not cast it themselves. */
function castInitializers(graph: OnnxGraph): void {
  const prefix = freshName(graph, 'stored');
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const readersOf = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) readersOf.set(name, [...(readersOf.get(name) ?? []), node]);
  }
  for (const [name, weight] of [...graph.initializers].filter(([, each]) => isNarrow(each))) {
    const readers = readersOf.get(name) ?? [];
    if (readers.every(isWidening) && !outputs.has(name)) continue;
    const stored = `${prefix}/${name}`;
    graph.initializers.delete(name);
    graph.initializers.set(stored, { ...weight, name: stored });
    for (const reader of readers.filter(isWidening)) reader.inputs[0] = stored;
    graph.nodes.push(makeNode('Cast', [stored], [name], { to: FLOAT32 }));
  }
}

/** Casts to float32 of what is float32 by now. */
function passIdleCasts(model: OnnxModel): void {
  const facts = inferShapes(model);
  for (const node of model.graph.nodes) {
    if (!isWidening(node) || facts.get(node.inputs[0]!)?.dtype !== 'float32') continue;
    Object.assign(node, { opType: 'Identity', attributes: new Map() });
  }
}
