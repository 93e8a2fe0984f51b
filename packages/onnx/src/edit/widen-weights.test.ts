import { toBfloat16, toBytes, toFloat16 } from '@cachequant/tensor';
import { expect, it } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import type { OnnxModel, Weight } from '../model.js';
import { makeNode } from '../node.js';
import { readWeight } from '../read/read-weight.js';
import { widenWeights } from './widen-weights.js';

const VALUES = Float32Array.of(1, -2, 0.5, 3, -0.25, 65504);

function weight(name: string, dtype: 'float16' | 'bfloat16'): Weight {
  const bits = dtype === 'float16' ? toFloat16(VALUES) : toBfloat16(VALUES);
  const elementType = dtype === 'float16' ? 10 : 16;
  return { name, dtype, elementType, dims: [2, 3], data: { kind: 'bytes', bytes: toBytes(bits) } };
}

function model(weights: readonly Weight[], outputs: readonly string[] = ['y']): OnnxModel {
  const nodes = [makeNode('Cast', ['w'], ['w32'], { to: 1 }), makeNode('Add', ['x', 'w32'], ['y'])];
  const built = buildModel(nodes, { inputs: { x: ['float32', [2, 3]] }, outputs });
  for (const entry of weights) built.graph.initializers.set(entry.name, entry);
  return built;
}

it.each(['float16', 'bfloat16'] as const)('makes weights of %s that are cast float32', async (dtype) => {
  const given = model([weight('w', dtype)]);
  const widened = widenWeights(given);
  expect(widened.graph.nodes.map(({ opType }) => opType)).toEqual(['Add']);
  expect([...widened.graph.initializers.keys()]).toEqual(['w32']);
  const { data, dims } = await readWeight(widened.graph.initializers.get('w32')!);
  expect(dims).toEqual([2, 3]);
  const exact = dtype === 'float16' ? VALUES : Float32Array.of(1, -2, 0.5, 3, -0.25, 65536);
  expect(data).toEqual(exact);
  expect(given.graph.nodes.length).toBe(2);
});

it('reads pieces that start within an element', async () => {
  const { data } = widenWeights(model([weight('w', 'float16')])).graph.initializers.get('w32')!;
  if (data.kind !== 'range') throw new Error('not a range');
  const whole = await data.source.read(0, 24);
  expect(await data.source.read(3, 9)).toEqual(whole.slice(3, 12));
});

it('keeps a 16-bit weight that something else reads', () => {
  const given = model([weight('w', 'float16')], ['y', 'z']);
  given.graph.nodes.push(makeNode('Shape', ['w'], ['z']));
  expect([...widenWeights(given).graph.initializers.keys()].sort()).toEqual(['w', 'w32']);
});

it('keeps a Cast that is an output of the graph, and one whose weight is not open', () => {
  const closed: Weight = {
    ...weight('w', 'float16'),
    data: { kind: 'external', location: 'weights', offset: 0, length: 12 },
  };
  expect(widenWeights(model([closed])).graph.nodes.length).toBe(2);
  const named = model([weight('w', 'float16')], ['y', 'w32']);
  expect(widenWeights(named).graph.nodes.length).toBe(2);
});

it('makes a 16-bit table float32 whose rows are cast when they were looked up', async () => {
  const nodes = [
    makeNode('Gather', ['w', 'rows'], ['r'], { axis: 0 }),
    makeNode('Cast', ['r'], ['r32'], { to: 1 }),
    makeNode('Add', ['x', 'r32'], ['y']),
  ];
  const given = buildModel(nodes, {
    inputs: { x: ['float32', [1, 3]], rows: ['int64', [1]] },
    outputs: ['y'],
  });
  given.graph.initializers.set('w', weight('w', 'float16'));
  const { graph } = widenWeights(given);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Gather', 'Add']);
  expect([...graph.initializers.values()].map(({ dtype }) => dtype)).toEqual(['float32']);
  const [table] = graph.initializers.values();
  expect((await readWeight(table!)).data).toEqual(VALUES);
  expect(graph.nodes[0]!.inputs).toEqual([table!.name, 'rows']);
  expect(graph.nodes[0]!.outputs).toEqual(['r32']);
});
