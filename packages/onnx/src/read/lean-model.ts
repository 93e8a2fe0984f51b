import { visitGraphs } from '../analyze/subgraph.js';
import { cloneModel } from '../edit/clone-model.js';
import { byteLengthOfData } from '../edit/shape-constants.js';
import { STRING_TYPE } from '../element-types.js';
import { DEFAULT_LIMITS } from '../limits.js';
import type { OnnxGraph, OnnxModel, OnnxNode, Weight } from '../model.js';
import { concatBytes } from '../proto/decode.js';
import { ProtoReader } from '../proto/reader.js';

/** Field numbers of doc_string and metadata_props, where exporters put stack traces and the names of their modules. */
const DOCUMENTATION = {
  model: [6],
  graph: [10, 16],
  node: [6, 9],
  valueInfo: [3, 4],
  tensor: [12, 16],
  function: [8, 14],
} as const;

/** Constants of more bytes become initializers, which `writeModel` and the optimizations can share. */
const LARGEST_CONSTANT = 1024;

/**
 * A copy of a model without what nobody runs: documentation strings and metadata of the graph, its nodes and its
 * values. Large Constant nodes of the main graph become initializers of the same name, so that graphs which are cut
 * from one model can have them in one weight file. It computes the same; the model's own metadata stays.
 */
export function leanModel(model: OnnxModel): OnnxModel {
  const lean = cloneModel(model);
  dropFields(lean, DOCUMENTATION.model);
  visitGraphs(lean.graph, dropGraphDocumentation);
  for (const entry of lean.functions) {
    dropFields(entry, DOCUMENTATION.function);
    entry.nodes.forEach(dropNodeDocumentation);
  }
  liftConstants(lean.graph);
  return lean;
}

function dropGraphDocumentation(graph: OnnxGraph): void {
  dropFields(graph, DOCUMENTATION.graph);
  graph.nodes.forEach(dropNodeDocumentation);
  for (const info of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()]) {
    dropFields(info, DOCUMENTATION.valueInfo);
  }
  for (const weight of graph.initializers.values()) dropFields(weight, DOCUMENTATION.tensor);
}

function dropNodeDocumentation(node: OnnxNode): void {
  dropFields(node, DOCUMENTATION.node);
  for (const attribute of node.attributes.values()) {
    if (attribute.type === 'tensor') dropFields(attribute.value, DOCUMENTATION.tensor);
  }
}

/** Takes fields out of those that are kept as bytes. */
function dropFields(owner: { unknown?: Uint8Array }, numbers: readonly number[]): void {
  const { unknown } = owner;
  if (unknown === undefined) return;
  const reader = new ProtoReader(
    { name: 'fields kept as they were', bytes: unknown, gaps: [] },
    DEFAULT_LIMITS,
  );
  const kept: Uint8Array[] = [];
  while (reader.position < reader.end) {
    const start = reader.position;
    const tag = reader.readSize(reader.end);
    reader.skip(tag % 8, reader.end);
    if (!numbers.includes(Math.floor(tag / 8))) kept.push(reader.since(start));
  }
  if (kept.length > 0) owner.unknown = concatBytes(kept);
  else delete owner.unknown;
}

function liftConstants(graph: OnnxGraph): void {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  graph.nodes = graph.nodes.filter((node) => {
    const weight = largeConstant(node);
    const name = node.outputs[0] ?? '';
    if (weight === undefined || outputs.has(name)) return true;
    graph.initializers.set(name, { ...weight, name });
    return false;
  });
}

function largeConstant({ opType, domain, attributes }: OnnxNode): Weight | undefined {
  const value = opType === 'Constant' && domain === '' ? attributes.get('value') : undefined;
  if (value?.type !== 'tensor' || value.value.elementType === STRING_TYPE) return undefined;
  return byteLengthOfData(value.value.data) > LARGEST_CONSTANT ? value.value : undefined;
}
