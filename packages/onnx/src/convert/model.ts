import type { OnnxFunction, OnnxModel } from '../model.js';
import type { FunctionProto, ModelProto, OperatorSetIdProto } from '../proto/messages.js';
import { type Context, refuse, toNumber } from './context.js';
import type { DataOf } from './data-of.js';
import { canonicalDomain, graphFromProto, graphToProto, nodeFromProto, nodeToProto } from './graph.js';

export function modelFromProto(proto: ModelProto, context: Context): OnnxModel {
  if (proto.graph === undefined) {
    refuse(context, 'model', 'there is no graph', { hint: 'The file is cut off or not an ONNX model' });
  }
  return {
    irVersion: toNumber(context, 'ir_version', proto.irVersion),
    opsetImports: opsetsFromProto(proto.opsetImport, context),
    producerName: proto.producerName ?? '',
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
    graph: graphFromProto(proto.graph!, context),
    functions: proto.functions.map((entry) => functionFromProto(entry, context)),
    ...(proto.unknown === undefined ? {} : { unknown: proto.unknown }),
  };
}

function opsetsFromProto(entries: readonly OperatorSetIdProto[], context: Context): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const entry of entries) {
    const domain = canonicalDomain(entry.domain);
    const version = toNumber(context, 'opset_import', entry.version);
    const earlier = opsets.get(domain) ?? version;
    if (earlier !== version) {
      refuse(context, 'opset_import', `two versions of '${domain}'`, { got: `${earlier} and ${version}` });
    }
    opsets.set(domain, version);
  }
  return opsets;
}

function functionFromProto(proto: FunctionProto, context: Context): OnnxFunction {
  return {
    name: proto.name ?? '',
    domain: canonicalDomain(proto.domain),
    overload: proto.overload ?? '',
    inputs: proto.input,
    outputs: proto.output,
    nodes: proto.node.map((node) => nodeFromProto(node, context)),
    opsetImports: opsetsFromProto(proto.opsetImport, context),
    ...(proto.unknown === undefined ? {} : { unknown: proto.unknown }),
  };
}

export function modelToProto(model: OnnxModel, dataOf: DataOf): ModelProto {
  return {
    irVersion: BigInt(model.irVersion),
    ...(model.producerName === '' ? {} : { producerName: model.producerName }),
    graph: graphToProto(model.graph, dataOf),
    opsetImport: opsetsToProto(model.opsetImports),
    metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
    functions: model.functions.map((entry) => functionToProto(entry, dataOf)),
    ...(model.unknown === undefined ? {} : { unknown: model.unknown }),
  };
}

function opsetsToProto(opsets: ReadonlyMap<string, number>): OperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) }));
}

function functionToProto(entry: OnnxFunction, dataOf: DataOf): FunctionProto {
  return {
    name: entry.name,
    input: entry.inputs,
    output: entry.outputs,
    node: entry.nodes.map((node) => nodeToProto(node, dataOf)),
    opsetImport: opsetsToProto(entry.opsetImports),
    domain: entry.domain,
    ...(entry.overload === '' ? {} : { overload: entry.overload }),
    ...(entry.unknown === undefined ? {} : { unknown: entry.unknown }),
  };
}
