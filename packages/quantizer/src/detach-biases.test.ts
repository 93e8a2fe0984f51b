import { inferShapes, makeNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, largestDifference, normal, run } from './__fixtures__/models.js';
import { detachBiases } from './detach-biases.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const inputDims = { x: [2, 4, 6, 5], t: [2, 3, 1, 1] };
const feeds = { x: normal(inputDims.x, 1), t: normal(inputDims.t, 2) };
const constants = { w: normal([3, 4, 3, 3], 3), b: normal([3], 4) };
const conv = (output: string) => makeNode('Conv', ['x', 'w', 'b'], [output], { pads: [1, 1, 1, 1] });

const models = {
  'alone, at the output of the graph': buildModel([conv('y')], {
    inputs: { x: inputDims.x },
    constants,
    outputs: ['y'],
  }),
  'read by others': buildModel([conv('c'), makeNode('Relu', ['c'], ['y']), makeNode('Neg', ['c'], ['z'])], {
    inputs: { x: inputDims.x },
    constants,
    outputs: ['y', 'z'],
  }),
  'before a vector is added': buildModel([conv('c'), makeNode('Add', ['c', 't'], ['y'])], {
    inputs: inputDims,
    constants,
    outputs: ['y'],
  }),
  'with a bias that two share': buildModel([conv('c'), conv('d'), makeNode('Mul', ['c', 'd'], ['y'])], {
    inputs: { x: inputDims.x },
    constants,
    outputs: ['y'],
  }),
};

describe.each(Object.entries(models))('detachBiases of a convolution %s', (_, model) => {
  const used = Object.fromEntries(
    Object.entries(inputDims).filter(([name]) => model.graph.inputs.some((input) => input.name === name)),
  );
  const detached = detachBiases(model, inferShapes(model, { inputDims: used }));

  test('leaves no convolution with a bias', () => {
    const convolutions = detached.graph.nodes.filter(({ opType }) => opType === 'Conv');
    expect(convolutions.map(({ inputs }) => inputs.length)).toEqual(convolutions.map(() => 2));
    expect(detached.graph.initializers.has('b')).toBe(false);
  });

  test('gives the same outputs', async () => {
    const known = Object.fromEntries(
      Object.keys(used).map((name) => [name, feeds[name as keyof typeof feeds]]),
    );
    const before = await run(runtime, model, known);
    const after = await run(runtime, detached, known);
    for (const [name, { data }] of Object.entries(before))
      expect(largestDifference(after[name]!.data, data)).toBeLessThan(1e-4);
  });

  test('does not change the model given', () => {
    expect(model.graph.nodes[0]!.inputs).toEqual(['x', 'w', 'b']);
  });
});

test('detachBiases adds to the small vector rather than to the image', () => {
  const model = models['before a vector is added'];
  const { nodes } = detachBiases(model, inferShapes(model, { inputDims })).graph;
  expect(nodes.map(({ opType, inputs }) => [opType, inputs[0]])).toEqual([
    ['Conv', 'x'],
    ['Add', 't'],
    ['Add', 'c'],
  ]);
});

test('detachBiases keeps what its predicate refuses', () => {
  const model = models['read by others'];
  const shapes = inferShapes(model, { inputDims: { x: inputDims.x } });
  expect(detachBiases(model, shapes, () => false).graph.nodes).toEqual(model.graph.nodes);
});
