import { CacheQuantError } from '@cachequant/tensor';
import type { AttributeValue, OnnxGraph } from '../model.js';
import { encode, joinPieces } from '../proto/encode.js';
import { ATTRIBUTE, type AttributeProto, type GraphProto } from '../proto/messages.js';
import type { Context } from './context.js';
import type { DataOf } from './data-of.js';
import { weightFromProto, weightToProto } from './weight.js';

/** AttributeProto.AttributeType of ONNX. */
const TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  graphs: 10,
} as const;

type Interpreted = Exclude<AttributeValue['type'], 'raw'>;

const TYPE_NAMES: ReadonlyMap<number, Interpreted> = new Map(
  Object.entries(TYPES).map(([name, number]) => [number, name as Interpreted]),
);

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @param toGraph reads the graphs of attributes, which consist of nodes with attributes again */
export function attributeFromProto(
  proto: AttributeProto,
  context: Context,
  node: string,
  toGraph: (graph: GraphProto) => OnnxGraph,
): AttributeValue {
  // A documentation string has no place in AttributeValue and no meaning to a runtime.
  const type = proto.unknown === undefined ? typeOf(proto) : undefined;
  return (
    (type && interpret(proto, type, context, node, toGraph)) ?? {
      type: 'raw',
      value: joinPieces(
        encode(ATTRIBUTE, proto).finish(),
        `${context.name}: ${node}, attribute '${proto.name ?? ''}'`,
      ),
    }
  );
}

/** The first versions of ONNX wrote no type; then the field that is there says it. */
function typeOf(proto: AttributeProto): Interpreted | undefined {
  if (proto.type !== undefined && proto.type !== 0n) return TYPE_NAMES.get(Number(proto.type));
  if (proto.f !== undefined) return 'float';
  if (proto.i !== undefined) return 'int';
  if (proto.s !== undefined) return 'string';
  if (proto.t !== undefined) return 'tensor';
  if (proto.g !== undefined) return 'graph';
  if (proto.floats.length > 0) return 'floats';
  if (proto.ints.length > 0) return 'ints';
  if (proto.strings.length > 0) return 'strings';
  return proto.graphs.length > 0 ? 'graphs' : undefined;
}

/** @returns undefined for what can only be kept raw */
function interpret(
  proto: AttributeProto,
  type: Interpreted,
  context: Context,
  node: string,
  toGraph: (graph: GraphProto) => OnnxGraph,
): AttributeValue | undefined {
  switch (type) {
    case 'float':
      return { type, value: proto.f ?? 0 };
    case 'int':
      return { type, value: proto.i ?? 0n };
    case 'string': {
      const value = decodeText(proto.s ?? new Uint8Array(0));
      return value === undefined ? undefined : { type, value };
    }
    case 'tensor':
      return proto.t && { type, value: weightFromProto(proto.t, context, `${node}, tensor`) };
    case 'graph':
      return proto.g && { type, value: toGraph(proto.g) };
    case 'floats':
      return { type, value: proto.floats };
    case 'ints':
      return { type, value: proto.ints };
    case 'strings': {
      const value = proto.strings.map(decodeText);
      return value.every((text) => text !== undefined) ? { type, value } : undefined;
    }
    case 'graphs':
      return { type, value: proto.graphs.map(toGraph) };
  }
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

const EMPTY = { floats: [], ints: [], strings: [], graphs: [] };

/** @param fromGraph writes the graphs of attributes */
export function attributeToProto(
  name: string,
  attribute: AttributeValue,
  dataOf: DataOf,
  fromGraph: (graph: OnnxGraph) => GraphProto,
): AttributeProto {
  if (attribute.type === 'raw') return { ...EMPTY, unknown: attribute.value };
  return {
    ...EMPTY,
    name,
    ...valueToProto(attribute, dataOf, fromGraph),
    type: BigInt(TYPES[attribute.type]),
  };
}

function valueToProto(
  attribute: Exclude<AttributeValue, { type: 'raw' }>,
  dataOf: DataOf,
  fromGraph: (graph: OnnxGraph) => GraphProto,
): Partial<AttributeProto> {
  switch (attribute.type) {
    case 'float':
      return { f: attribute.value };
    case 'int':
      return { i: attribute.value };
    case 'string':
      return { s: new TextEncoder().encode(attribute.value) };
    case 'tensor':
      return { t: weightToProto(attribute.value, dataOf(attribute.value)) };
    case 'graph':
      return { g: fromGraph(attribute.value) };
    case 'floats':
      return { floats: attribute.value };
    case 'ints':
      return { ints: attribute.value };
    case 'strings':
      return { strings: attribute.value.map((text) => new TextEncoder().encode(text)) };
    case 'graphs':
      return { graphs: attribute.value.map(fromGraph) };
    default:
      throw new CacheQuantError('invalid-argument', 'no attribute of ONNX', {
        got: JSON.stringify(attribute),
      });
  }
}
