import { tensor } from '@cachequant/tensor';
import { freshName, freshNodeName } from '../edit/fresh-name.js';
import type { OnnxGraph } from '../model.js';
import { makeNode } from '../node.js';
import { weightOf } from '../read/read-weight.js';
import type { JointDeltaCut } from './candidate.js';

const TOKENS = 1;
const TO_THE_END = 2n ** 63n - 1n;

/** The full graph's further output: what the range adds to each stream, one stream behind the other. */
export function appendJointDelta(graph: OnnxGraph, { start, end }: JointDeltaCut, cacheName: string): void {
  if (end.length === 1) {
    addNode(graph, 'Sub', [end[0]!, joined(graph, start)], cacheName);
    return;
  }
  const deltas = end.map((name, part) => addNode(graph, 'Sub', [name, start[part]!]));
  addNode(graph, 'Concat', deltas, cacheName);
}

/** The streams after the range keep their names, and come from those before it and the cached tensor. */
export function addJointDelta(
  graph: OnnxGraph,
  { start, end }: JointDeltaCut,
  cacheName: string,
  uncache: (end: string) => void,
): void {
  for (const name of end) uncache(name);
  if (end.length === 1) {
    addNode(graph, 'Add', [joined(graph, start), cacheName], end[0]);
    return;
  }
  const [first, second] = start as [string, string];
  const length = tokensOf(graph, first);
  const axes = integers(graph, BigInt(TOKENS));
  const head = addNode(graph, 'Slice', [cacheName, integers(graph, 0n), length, axes]);
  const tail = addNode(graph, 'Slice', [cacheName, length, integers(graph, TO_THE_END), axes]);
  addNode(graph, 'Add', [first, head], end[0]);
  addNode(graph, 'Add', [second, tail], end[1]);
}

function joined(graph: OnnxGraph, parts: readonly string[]): string {
  return parts.length === 1 ? parts[0]! : addNode(graph, 'Concat', parts);
}

/** How many tokens a stream has, as a list of one. */
function tokensOf(graph: OnnxGraph, stream: string): string {
  const shape = addNode(graph, 'Shape', [stream]);
  return addNode(graph, 'Gather', [shape, integers(graph, BigInt(TOKENS))]);
}

/** @returns the node's output */
function addNode(
  graph: OnnxGraph,
  opType: string,
  inputs: readonly string[],
  output = freshName(graph, `cache_${opType.toLowerCase()}`),
): string {
  const axis = opType === 'Concat' ? TOKENS : opType === 'Gather' ? 0 : undefined;
  const name = freshNodeName(graph, `cached_delta_${opType.toLowerCase()}`);
  graph.nodes.push(makeNode(opType, inputs, [output], { axis }, { name }));
  return output;
}

function integers(graph: OnnxGraph, value: bigint): string {
  const name = freshName(graph, 'cache_slice');
  graph.initializers.set(name, weightOf(tensor('int64', [1], BigInt64Array.of(value)), name));
  return name;
}
