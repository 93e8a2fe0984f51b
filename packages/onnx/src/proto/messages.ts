import type { ByteRange } from './reader.js';
import * as f from './schema.js';

/**
 * The messages of ONNX, as far as this package interprets them.
 * Source: onnx.proto of ONNX 1.19 (IR version 13), https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export interface ModelProto extends f.Unknown {
  irVersion?: bigint;
  producerName?: string;
  graph?: GraphProto;
  opsetImport: OperatorSetIdProto[];
  metadataProps: StringStringEntryProto[];
  functions: FunctionProto[];
}

export interface GraphProto extends f.Unknown {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
}

export interface NodeProto extends f.Unknown {
  input: string[];
  output: string[];
  name?: string;
  opType?: string;
  attribute: AttributeProto[];
  domain?: string;
}

/** The whole message is kept as well, for forms that are not interpreted. */
export interface AttributeProto extends f.Unknown {
  name?: string;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
  graphs: GraphProto[];
  docString?: string;
  type?: bigint;
}

export interface TensorProto extends f.Unknown {
  dims: bigint[];
  dataType?: bigint;
  floatData: Uint8Array[];
  int32Data: Uint8Array[];
  int64Data: Uint8Array[];
  name?: string;
  rawData?: Uint8Array | ByteRange;
  doubleData: Uint8Array[];
  uint64Data: Uint8Array[];
  externalData: StringStringEntryProto[];
  dataLocation?: bigint;
}

export interface ValueInfoProto extends f.Unknown {
  name?: string;
  type?: TypeProto;
}

export interface TypeProto extends f.Unknown {
  tensorType?: TensorTypeProto;
}

export interface TensorTypeProto extends f.Unknown {
  elemType?: bigint;
  shape?: TensorShapeProto;
}

export interface TensorShapeProto extends f.Unknown {
  dim: DimensionProto[];
}

export interface DimensionProto extends f.Unknown {
  dimValue?: bigint;
  dimParam?: string;
}

export interface FunctionProto extends f.Unknown {
  name?: string;
  input: string[];
  output: string[];
  node: NodeProto[];
  opsetImport: OperatorSetIdProto[];
  domain?: string;
  overload?: string;
}

export interface OperatorSetIdProto extends f.Unknown {
  domain?: string;
  version?: bigint;
}

export interface StringStringEntryProto extends f.Unknown {
  key?: string;
  value?: string;
}

const OPERATOR_SET_ID = f.schema<OperatorSetIdProto>('OperatorSetIdProto', {
  domain: f.string(1),
  version: f.int(2),
});

const STRING_STRING_ENTRY = f.schema<StringStringEntryProto>('StringStringEntryProto', {
  key: f.string(1),
  value: f.string(2),
});

const DIMENSION = f.schema<DimensionProto>('TensorShapeProto.Dimension', {
  dimValue: f.int(1),
  dimParam: f.string(2),
});

const TENSOR_SHAPE = f.schema<TensorShapeProto>('TensorShapeProto', {
  dim: f.messages(1, () => DIMENSION),
});

const TENSOR_TYPE = f.schema<TensorTypeProto>('TypeProto.Tensor', {
  elemType: f.int(1),
  shape: f.message(2, () => TENSOR_SHAPE),
});

const TYPE = f.schema<TypeProto>('TypeProto', { tensorType: f.message(1, () => TENSOR_TYPE) });

export const VALUE_INFO = f.schema<ValueInfoProto>('ValueInfoProto', {
  name: f.string(1),
  type: f.message(2, () => TYPE),
});

export const TENSOR = f.schema<TensorProto>('TensorProto', {
  dims: f.ints(1),
  dataType: f.int(2),
  floatData: f.packed(4),
  int32Data: f.packed(5),
  int64Data: f.packed(7),
  name: f.string(8),
  rawData: f.data(9),
  doubleData: f.packed(10),
  uint64Data: f.packed(11),
  externalData: f.messages(13, () => STRING_STRING_ENTRY),
  dataLocation: f.int(14),
});

export const ATTRIBUTE: f.Schema<AttributeProto> = f.schema<AttributeProto>('AttributeProto', {
  name: f.string(1),
  f: f.float(2),
  i: f.int(3),
  s: f.bytes(4),
  t: f.message(5, () => TENSOR),
  g: f.message(6, () => GRAPH),
  floats: f.floats(7),
  ints: f.ints(8),
  strings: f.bytesList(9),
  graphs: f.messages(11, () => GRAPH),
  docString: f.string(13),
  type: f.int(20),
});

export const NODE = f.schema<NodeProto>('NodeProto', {
  input: f.strings(1),
  output: f.strings(2),
  name: f.string(3),
  opType: f.string(4),
  attribute: f.messages(5, () => ATTRIBUTE),
  domain: f.string(7),
});

export const GRAPH: f.Schema<GraphProto> = f.schema<GraphProto>('GraphProto', {
  node: f.messages(1, () => NODE, 'nodes'),
  name: f.string(2),
  initializer: f.messages(5, () => TENSOR, 'initializers'),
  input: f.messages(11, () => VALUE_INFO),
  output: f.messages(12, () => VALUE_INFO),
  valueInfo: f.messages(13, () => VALUE_INFO),
});

export const FUNCTION = f.schema<FunctionProto>('FunctionProto', {
  name: f.string(1),
  input: f.strings(4),
  output: f.strings(5),
  node: f.messages(7, () => NODE, 'nodes'),
  opsetImport: f.messages(9, () => OPERATOR_SET_ID),
  domain: f.string(10),
  overload: f.string(13),
});

export const MODEL = f.schema<ModelProto>('ModelProto', {
  irVersion: f.int(1),
  producerName: f.string(2),
  graph: f.message(7, () => GRAPH),
  opsetImport: f.messages(8, () => OPERATOR_SET_ID),
  metadataProps: f.messages(14, () => STRING_STRING_ENTRY),
  functions: f.messages(25, () => FUNCTION),
});
