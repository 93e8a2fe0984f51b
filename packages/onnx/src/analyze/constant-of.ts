import { tensor } from '@cachequant/tensor';
import type { OnnxGraph, OnnxNode, Weight } from '../model.js';
import { weightOf } from '../read/read-weight.js';

/**
 * The value of a tensor that does not depend on the inputs by itself: an initializer, also one that an input of the
 * same name could override, or what a Constant node makes.
 * @returns undefined for anything else, and for Constant nodes with strings or sparse values
 */
export function constantOf(graph: OnnxGraph, name: string): Weight | undefined {
  const initializer = graph.initializers.get(name);
  if (initializer !== undefined) return initializer;
  const node = graph.nodes.find(
    ({ opType, domain, outputs }) => opType === 'Constant' && domain === '' && outputs[0] === name,
  );
  return node && constantValue(node);
}

/** What a Constant node makes, under the name of its output. */
function constantValue(node: OnnxNode): Weight | undefined {
  const name = node.outputs[0] ?? '';
  for (const [key, attribute] of node.attributes) {
    if (key === 'value' && attribute.type === 'tensor') return { ...attribute.value, name };
    if (attribute.type === 'int') return int64Weight([attribute.value], [], name);
    if (attribute.type === 'ints') return int64Weight(attribute.value, [attribute.value.length], name);
    if (attribute.type === 'float') return float32Weight([attribute.value], [], name);
    if (attribute.type === 'floats') return float32Weight(attribute.value, [attribute.value.length], name);
  }
  return undefined;
}

function int64Weight(values: bigint[], dims: number[], name: string): Weight {
  return weightOf(tensor('int64', dims, BigInt64Array.from(values)), name);
}

function float32Weight(values: number[], dims: number[], name: string): Weight {
  return weightOf(tensor('float32', dims, Float32Array.from(values)), name);
}
