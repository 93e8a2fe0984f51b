import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, ValueInfo, Weight } from '../model.js';

/** A copy that shares nothing with the model but the bytes of its weights. */
export function cloneModel(model: OnnxModel): OnnxModel {
  return {
    ...model,
    opsetImports: new Map(model.opsetImports),
    metadata: new Map(model.metadata),
    graph: cloneGraph(model.graph),
    functions: model.functions.map((entry) => ({
      ...entry,
      inputs: [...entry.inputs],
      outputs: [...entry.outputs],
      nodes: entry.nodes.map(cloneNode),
      opsetImports: new Map(entry.opsetImports),
    })),
  };
}

/** A copy of a graph that can be edited; the bytes of weights are shared. */
export function cloneGraph(graph: OnnxGraph): OnnxGraph {
  return {
    ...graph,
    nodes: graph.nodes.map(cloneNode),
    inputs: graph.inputs.map(cloneValueInfo),
    outputs: graph.outputs.map(cloneValueInfo),
    valueInfo: mapValues(graph.valueInfo, cloneValueInfo),
    initializers: mapValues(graph.initializers, cloneWeight),
  };
}

/** A copy of a node that can be edited; the bytes of weights in attributes are shared. */
export function cloneNode(node: OnnxNode): OnnxNode {
  return {
    ...node,
    inputs: [...node.inputs],
    outputs: [...node.outputs],
    attributes: mapValues(node.attributes, cloneAttribute),
  };
}

export function cloneValueInfo(info: ValueInfo): ValueInfo {
  return { ...info, dims: info.dims && [...info.dims] };
}

function cloneWeight(weight: Weight): Weight {
  return { ...weight, dims: [...weight.dims] };
}

function cloneAttribute(attribute: AttributeValue): AttributeValue {
  switch (attribute.type) {
    case 'tensor':
      return { type: 'tensor', value: cloneWeight(attribute.value) };
    case 'graph':
      return { type: 'graph', value: cloneGraph(attribute.value) };
    case 'graphs':
      return { type: 'graphs', value: attribute.value.map(cloneGraph) };
    case 'floats':
      return { type: 'floats', value: [...attribute.value] };
    case 'ints':
      return { type: 'ints', value: [...attribute.value] };
    case 'strings':
      return { type: 'strings', value: [...attribute.value] };
    default:
      return { ...attribute };
  }
}

function mapValues<V>(map: ReadonlyMap<string, V>, change: (value: V) => V): Map<string, V> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
