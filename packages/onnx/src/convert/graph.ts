import type { AttributeValue, OnnxGraph, OnnxNode, ValueInfo, Weight } from '../model.js';
import type { GraphProto, NodeProto } from '../proto/messages.js';
import { attributeFromProto, attributeToProto } from './attribute.js';
import { type Context, refuse } from './context.js';
import type { DataOf } from './data-of.js';
import { valueInfoFromProto, valueInfoToProto } from './value-info.js';
import { weightFromProto, weightToProto } from './weight.js';

export function graphFromProto(proto: GraphProto, context: Context): OnnxGraph {
  const name = proto.name ?? '';
  const values = proto.valueInfo.map((info) => valueInfoFromProto(info, context));
  return {
    name,
    nodes: proto.node.map((node) => nodeFromProto(node, context)),
    inputs: namedOnce(
      proto.input.map((info) => valueInfoFromProto(info, context)),
      'input',
      context,
    ),
    outputs: namedOnce(
      proto.output.map((info) => valueInfoFromProto(info, context)),
      'output',
      context,
    ),
    valueInfo: new Map(values.map((info) => [info.name, info])),
    initializers: initializersFromProto(proto, context),
    ...(proto.unknown === undefined ? {} : { unknown: proto.unknown }),
  };
}

function initializersFromProto(proto: GraphProto, context: Context): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const tensor of proto.initializer) {
    const weight = weightFromProto(tensor, context, 'initializer');
    if (weight.name === '') refuse(context, `graph '${proto.name ?? ''}'`, 'an initializer has no name');
    if (weights.has(weight.name)) refuse(context, `initializer '${weight.name}'`, 'comes twice');
    weights.set(weight.name, weight);
  }
  return weights;
}

function namedOnce(infos: ValueInfo[], role: string, context: Context): ValueInfo[] {
  const names = new Set<string>();
  for (const { name } of infos) {
    if (name === '') refuse(context, `graph ${role}`, 'has no name');
    if (names.has(name)) refuse(context, `graph ${role} '${name}'`, 'comes twice');
    names.add(name);
  }
  return infos;
}

export function nodeFromProto(proto: NodeProto, context: Context): OnnxNode {
  const name = proto.name ?? '';
  const opType = proto.opType ?? '';
  const what = `node '${name}' (${opType})`;
  if (opType === '') refuse(context, what, 'names no operator');
  if (proto.attribute.length > context.limits.attributes) {
    refuse(context, what, "the model goes past the limit 'attributes'", { got: `${proto.attribute.length}` });
  }
  const toGraph = (graph: GraphProto) => graphFromProto(graph, context);
  const attributes = new Map<string, AttributeValue>();
  for (const attribute of proto.attribute) {
    const key = attribute.name ?? '';
    if (attributes.has(key)) refuse(context, what, `the attribute '${key}' comes twice`);
    attributes.set(key, attributeFromProto(attribute, context, what, toGraph));
  }
  return {
    name,
    opType,
    domain: canonicalDomain(proto.domain),
    inputs: proto.input,
    outputs: proto.output,
    attributes,
    ...(proto.unknown === undefined ? {} : { unknown: proto.unknown }),
  };
}

/** The standard's own domain has two names. */
export function canonicalDomain(domain: string | undefined): string {
  return domain === undefined || domain === 'ai.onnx' ? '' : domain;
}

export function graphToProto(graph: OnnxGraph, dataOf: DataOf): GraphProto {
  return {
    name: graph.name,
    node: graph.nodes.map((node) => nodeToProto(node, dataOf)),
    initializer: [...graph.initializers].map(([name, weight]) =>
      weightToProto({ ...weight, name }, dataOf(weight)),
    ),
    input: graph.inputs.map(valueInfoToProto),
    output: graph.outputs.map(valueInfoToProto),
    valueInfo: [...graph.valueInfo.values()].map(valueInfoToProto),
    ...(graph.unknown === undefined ? {} : { unknown: graph.unknown }),
  };
}

export function nodeToProto(node: OnnxNode, dataOf: DataOf): NodeProto {
  const fromGraph = (graph: OnnxGraph) => graphToProto(graph, dataOf);
  return {
    input: node.inputs,
    output: node.outputs,
    ...(node.name === '' ? {} : { name: node.name }),
    opType: node.opType,
    attribute: [...node.attributes].map(([name, value]) => attributeToProto(name, value, dataOf, fromGraph)),
    ...(node.domain === '' ? {} : { domain: node.domain }),
    ...(node.unknown === undefined ? {} : { unknown: node.unknown }),
  };
}
