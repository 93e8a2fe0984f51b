import type { ByteSource, DType } from '@cachequant/tensor';

/** Where an initializer's elements are (little-endian, packed as ONNX raw_data). */
export type WeightData =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'range'; readonly source: ByteSource; readonly offset: number; readonly length: number }
  /** In a file of external data that is being written; `location` is relative to the model's folder. */
  | {
      readonly kind: 'external';
      readonly location: string;
      readonly offset: number;
      readonly length: number;
    };

/** A constant tensor of the graph. `dtype` is null for types we carry but do not compute with (strings, float8, …). */
export interface Weight {
  name: string;
  dtype: DType | null;
  /** ONNX's TensorProto.DataType number. */
  elementType: number;
  dims: number[];
  data: WeightData;
  /** Fields of the file that we do not interpret, kept as they were. */
  unknown?: Uint8Array;
}

/** A dimension that is known, named by a symbol, or neither. */
export type Dim = number | string | null;

/** What the graph says of a tensor. `dims` is undefined when not even the rank is known. */
export interface ValueInfo {
  name: string;
  dtype: DType | null;
  elementType: number;
  dims: Dim[] | undefined;
  /** The whole ValueInfoProto for values that are no tensors (sequences, maps, optionals), kept as it was. */
  raw?: Uint8Array;
  /** Fields of the file that we do not interpret, kept as they were. */
  unknown?: Uint8Array;
}

/** The value of an attribute, with ONNX's name of its type; `raw` is carried without being interpreted. */
export type AttributeValue =
  | { readonly type: 'float'; value: number }
  | { readonly type: 'int'; value: bigint }
  | { readonly type: 'string'; value: string }
  | { readonly type: 'tensor'; value: Weight }
  | { readonly type: 'graph'; value: OnnxGraph }
  | { readonly type: 'floats'; value: number[] }
  | { readonly type: 'ints'; value: bigint[] }
  | { readonly type: 'strings'; value: string[] }
  | { readonly type: 'graphs'; value: OnnxGraph[] }
  /** Anything else (references inside functions, sparse tensors, …): the AttributeProto as it was. */
  | { readonly type: 'raw'; value: Uint8Array };

/** One operator at work. An input or output that is left out has the name ''. */
export interface OnnxNode {
  name: string;
  opType: string;
  /** '' is ai.onnx. */
  domain: string;
  /** '' stands for an optional input that is left out. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, AttributeValue>;
  unknown?: Uint8Array;
}

/**
 * A graph: nodes in order, its inputs and outputs, types of what lies between, and weights, all by tensor
 * name.
 */
export interface OnnxGraph {
  name: string;
  nodes: OnnxNode[];
  /** May include names that are initializers too (defaults, as IR < 4 wrote them). */
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  valueInfo: Map<string, ValueInfo>;
  initializers: Map<string, Weight>;
  unknown?: Uint8Array;
}

/** A function of a model: nodes that an operator of the same name and domain stands for. */
export interface OnnxFunction {
  name: string;
  domain: string;
  overload: string;
  inputs: string[];
  outputs: string[];
  nodes: OnnxNode[];
  opsetImports: Map<string, number>;
  unknown?: Uint8Array;
}

/** A model: its graph, the operator sets it is written in, and what else its file holds. */
export interface OnnxModel {
  irVersion: number;
  /** Domain → version; '' is ai.onnx. */
  opsetImports: Map<string, number>;
  producerName: string;
  metadata: Map<string, string>;
  graph: OnnxGraph;
  functions: OnnxFunction[];
  unknown?: Uint8Array;
}
