import { byteLengthOf, type DType, elementCount, type Tensor, toBytes } from '../index.js';

/** Numbers of the element types in ONNX's `TensorProto.DataType`. */
const DATA_TYPES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

/** A node of {@link writeModel}. */
export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  /** A plain number is an integer. */
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

type AttributeSpec = number | { readonly float: number } | string | readonly number[] | Tensor;

/** Element type and sizes of an input or output. */
export interface ValueSpec {
  readonly dtype: DType;
  /** Left out: of an output whose shape the runtime has to find. */
  readonly dims?: readonly (number | string | null)[];
}

interface ExternalSpec {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly location: string;
}

/** A model of {@link writeModel}: values, nodes, weights inside and outside of the file. */
export interface ModelSpec {
  readonly inputs: Readonly<Record<string, ValueSpec>>;
  readonly outputs: Readonly<Record<string, ValueSpec>>;
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
  /** Initializers whose values are the whole of a file beside the model. */
  readonly external?: Readonly<Record<string, ExternalSpec>>;
  /** Version of the standard operators; 17 when left out. */
  readonly opset?: number;
  /** Version of the file format; 8 when left out. 4-bit integers need 10. */
  readonly irVersion?: number;
}

/**
 * Writes an ONNX file by hand, as protobuf fields; just enough for models that test a runtime.
 *
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export function writeModel(spec: ModelSpec): Uint8Array<ArrayBuffer> {
  const graph = [
    ...spec.nodes.map((node, index) => bytes(1, writeNode(node, index))),
    text(2, 'graph'),
    ...Object.entries(spec.initializers ?? {}).map(([name, value]) => bytes(5, writeTensor(name, value))),
    ...Object.entries(spec.external ?? {}).map(([name, value]) => bytes(5, writeExternal(name, value))),
    ...Object.entries(spec.inputs).map(([name, value]) => bytes(11, writeValue(name, value))),
    ...Object.entries(spec.outputs).map(([name, value]) => bytes(12, writeValue(name, value))),
  ];
  const opsets = [
    bytes(8, [number(2, spec.opset ?? 17)]),
    bytes(8, [text(1, 'com.microsoft'), number(2, 1)]),
  ];
  return join([number(1, spec.irVersion ?? 8), bytes(7, graph), ...opsets]);
}

function writeNode({ op, inputs, outputs, domain, attributes = {} }: NodeSpec, index: number) {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, `${op}_${index}`),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, [text(1, name), ...writeAttribute(value)])),
    ...(domain === undefined ? [] : [text(7, domain)]),
  ];
}

function writeAttribute(value: AttributeSpec) {
  if (typeof value === 'number') return [number(3, value), number(20, 2)];
  if (typeof value === 'string') return [text(4, value), number(20, 3)];
  if ('float' in value) return [float(2, value.float), number(20, 1)];
  if ('dtype' in value) return [bytes(5, writeTensor('', value)), number(20, 4)];
  return [...value.map((item) => number(8, item)), number(20, 7)];
}

function writeTensor(name: string, { dtype, dims, data }: Tensor) {
  return [
    ...dims.map((dim) => number(1, dim)),
    number(2, DATA_TYPES[dtype]),
    text(8, name),
    bytes(9, [toBytes(data)]),
  ];
}

function writeExternal(name: string, { dtype, dims, location }: ExternalSpec) {
  const length = byteLengthOf(dtype, elementCount(dims));
  const entries = { location, offset: '0', length: String(length) };
  return [
    ...dims.map((dim) => number(1, dim)),
    number(2, DATA_TYPES[dtype]),
    text(8, name),
    ...Object.entries(entries).map(([key, value]) => bytes(13, [text(1, key), text(2, value)])),
    number(14, 1),
  ];
}

function writeValue(name: string, { dtype, dims }: ValueSpec) {
  const shape = dims?.map((dim) =>
    bytes(1, dim === null ? [] : [typeof dim === 'string' ? text(2, dim) : number(1, dim)]),
  );
  const type = [number(1, DATA_TYPES[dtype]), ...(shape ? [bytes(2, shape)] : [])];
  return [text(1, name), bytes(2, [bytes(1, type)])];
}

function number(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8), ...varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8 + 5), ...new Uint8Array(Float32Array.of(value).buffer)]);
}

function bytes(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = join(parts);
  return join([Uint8Array.from([...varint(field * 8 + 2), ...varint(content.byteLength)]), content]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, [new TextEncoder().encode(value)]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
