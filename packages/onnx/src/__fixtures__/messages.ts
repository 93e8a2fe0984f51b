import { encode, joinPieces } from '../proto/encode.js';
import * as m from '../proto/messages.js';
import type { Schema } from '../proto/schema.js';

/** Encodes a message of which only some fields are given. */
export function message<T>(schema: Schema<T>, fields: Partial<T>): Uint8Array {
  return joinPieces(encode(schema, fields as T).finish(), schema.message);
}

/** A file with a graph of which only some fields are given. */
export function graphFile(graph: Partial<m.GraphProto>, model: Partial<m.ModelProto> = {}): Uint8Array {
  return message(m.MODEL, { irVersion: 10n, graph: graph as m.GraphProto, ...model });
}

/** A node of which only some fields are given. */
export function node(fields: Partial<m.NodeProto>): m.NodeProto {
  return { input: [], output: [], attribute: [], opType: 'Identity', ...fields };
}

/** A tensor of which only some fields are given; float32 unless it says otherwise. */
export function tensorProto(fields: Partial<m.TensorProto>): m.TensorProto {
  return { dataType: 1n, name: 'w', ...fields } as m.TensorProto;
}

/** The error that a call throws. */
export function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
