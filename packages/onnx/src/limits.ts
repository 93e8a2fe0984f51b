/** Bounds on what a file may make the reader allocate or recurse into. */
export interface Limits {
  /** Bytes of the model file that are not the raw data of big tensors. */
  readonly graphBytes: number;
  readonly nodes: number;
  readonly initializers: number;
  /** Repeated entries of any kind: names, attributes, dimensions, attribute elements. */
  readonly items: number;
  /** Messages inside messages; a subgraph takes three levels. */
  readonly depth: number;
  /** Dimensions of one tensor. */
  readonly rank: number;
  readonly stringBytes: number;
  /** Attributes of one node. */
  readonly attributes: number;
}

/** What `parseModel` and `readModel` accept unless told otherwise. */
export const DEFAULT_LIMITS: Limits = {
  // The structure of the largest published diffusion models takes about 20 MB; this lies in memory at once.
  graphBytes: 256 * 2 ** 20,
  // Unrolled exports reach some tens of thousands; an empty node takes 2 bytes in the file and 500 in memory.
  nodes: 500_000,
  // Every node could have two.
  initializers: 1_000_000,
  // An entry of 2 bytes in the file can take 100 bytes in memory.
  items: 4_000_000,
  // What protobuf's own parsers stop at, so that recursion stays far from the end of the stack.
  depth: 100,
  // What NumPy stops at; no operator of ONNX needs more than 8.
  rank: 64,
  // Names and metadata; metadata may hold a whole configuration as JSON.
  stringBytes: 16 * 2 ** 20,
  // The operator with the most attributes has about 30; functions may have more.
  attributes: 1024,
};
