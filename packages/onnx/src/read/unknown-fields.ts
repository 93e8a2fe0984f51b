import { DEFAULT_LIMITS } from '../limits.js';
import type { OnnxGraph, OnnxNode } from '../model.js';
import { decode } from '../proto/decode.js';
import { TENSOR, type TensorProto } from '../proto/messages.js';
import { ProtoReader } from '../proto/reader.js';
import * as f from '../proto/schema.js';

interface SparseTensorProto extends f.Unknown {
  values?: TensorProto;
}

const SPARSE_TENSOR = f.schema<SparseTensorProto>('SparseTensorProto', {
  values: f.message(1, () => TENSOR),
});

interface GraphRest extends f.Unknown {
  sparseInitializer: SparseTensorProto[];
}

const GRAPH_REST = f.schema<GraphRest>('GraphProto', {
  sparseInitializer: f.messages(15, () => SPARSE_TENSOR),
});

interface NodeRest extends f.Unknown {
  overload?: string;
}

const NODE_REST = f.schema<NodeRest>('NodeProto', { overload: f.string(8) });

const NO_NAMES: readonly string[] = [];
const sparseNames = new WeakMap<Uint8Array, readonly string[]>();

/** Names of the sparse initializers, which are carried as bytes and are tensors of the graph all the same. */
export function sparseInitializerNames({ unknown }: OnnxGraph): readonly string[] {
  if (unknown === undefined) return NO_NAMES;
  const known = sparseNames.get(unknown);
  if (known !== undefined) return known;
  const names = readRest(GRAPH_REST, unknown).sparseInitializer.map(({ values }) => values?.name ?? '');
  sparseNames.set(unknown, names);
  return names;
}

/** Which of several functions of one name a node calls; '' for nearly all. */
export function overloadOf({ unknown }: OnnxNode): string {
  return unknown === undefined ? '' : (readRest(NODE_REST, unknown).overload ?? '');
}

function readRest<T>(schema: f.Schema<T>, bytes: Uint8Array): T {
  const reader = new ProtoReader({ name: 'fields kept as they were', bytes, gaps: [] }, DEFAULT_LIMITS);
  return decode(schema, reader, reader.end);
}
