import type { DType } from '../index.js';
import { messagesOf, numberOf, textOf } from './protobuf-fields.js';
import type { ValueDescription } from './protocol.js';

/** What a runtime that names less than ONNX does reads of a model itself. */
export interface GraphDescription {
  /** Without the initializers that older files list among them. */
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /** Of the graph and of the bodies of its control flow, each once: `Add`, `com.microsoft.MultiHeadAttention`. */
  readonly operators: ReadonlySet<string>;
}

/** Numbers of `TensorProto.DataType`. */
const TYPES: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/** Field numbers of the ONNX format (onnx.proto). */
const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12 } as const;
const NODE = { opType: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE_GRAPH = 6;
const TENSOR_NAME = 8;
const VALUE = { name: 1, type: 2 } as const;
const TYPE_TENSOR = 1;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const SHAPE_DIM = 1;
const DIM = { value: 1, param: 2 } as const;

/**
 * Reads names, element types, dimensions and operators of a model; its weights are skipped.
 * @param model the bytes of an ONNX file; what is not one has nothing
 */
export function describeGraph(model: Uint8Array): GraphDescription {
  const operators = new Set<string>();
  const inputs: ValueDescription[] = [];
  const outputs: ValueDescription[] = [];
  for (const graph of messagesOf(model, MODEL_GRAPH)) {
    collectOperators(graph, operators);
    const constants = new Set<string>();
    for (const initializer of messagesOf(graph, GRAPH.initializer))
      constants.add(textOf(initializer, TENSOR_NAME));
    for (const value of messagesOf(graph, GRAPH.input)) {
      if (!constants.has(textOf(value, VALUE.name))) inputs.push(describeValue(value));
    }
    for (const value of messagesOf(graph, GRAPH.output)) outputs.push(describeValue(value));
  }
  return { inputs, outputs, operators };
}

function collectOperators(graph: Uint8Array, operators: Set<string>): void {
  for (const node of messagesOf(graph, GRAPH.node)) {
    const domain = textOf(node, NODE.domain);
    const opType = textOf(node, NODE.opType);
    operators.add(domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`);
    for (const attribute of messagesOf(node, NODE.attribute)) {
      for (const body of messagesOf(attribute, ATTRIBUTE_GRAPH)) collectOperators(body, operators);
    }
  }
}

function describeValue(value: Uint8Array): ValueDescription {
  const name = textOf(value, VALUE.name);
  for (const type of messagesOf(value, VALUE.type)) {
    for (const tensor of messagesOf(type, TYPE_TENSOR)) {
      const element = TYPES[numberOf(tensor, TENSOR_TYPE.element) ?? 0];
      const shape: (number | string | undefined)[] = [];
      for (const dims of messagesOf(tensor, TENSOR_TYPE.shape)) {
        for (const dim of messagesOf(dims, SHAPE_DIM)) {
          shape.push(numberOf(dim, DIM.value) ?? (textOf(dim, DIM.param) || undefined));
        }
      }
      return { name, type: element, shape };
    }
  }
  return { name, type: undefined, shape: [] };
}
