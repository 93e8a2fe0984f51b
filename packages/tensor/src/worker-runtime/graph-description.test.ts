import { expect, test } from 'vitest';
import { tensor } from '../index.js';
import { writeModel } from '../testing/index.js';
import { describeGraph } from './index.js';

test('describeGraph tells inputs, outputs and operators by their domain', () => {
  const model = writeModel({
    inputs: { x: { dtype: 'float16', dims: ['n', 3, null] }, s: { dtype: 'int64', dims: [] } },
    outputs: { y: { dtype: 'bool', dims: [0, 2] } },
    initializers: { w: tensor('float32', [2]) },
    nodes: [
      { op: 'Add', inputs: ['x', 'w'], outputs: ['z'] },
      { op: 'MultiHeadAttention', domain: 'com.microsoft', inputs: ['z', 'z', 'z'], outputs: ['y'] },
    ],
  });
  expect(describeGraph(model)).toEqual({
    inputs: [
      { name: 'x', type: 'float16', shape: ['n', 3, undefined] },
      { name: 's', type: 'int64', shape: [] },
    ],
    outputs: [{ name: 'y', type: 'bool', shape: [0, 2] }],
    operators: new Set(['Add', 'com.microsoft.MultiHeadAttention']),
  });
});

test('describeGraph of what is no model has nothing', () => {
  const nothing = { inputs: [], outputs: [], operators: new Set() };
  expect(describeGraph(Uint8Array.of(1, 2, 3, 4))).toEqual(nothing);
  expect(describeGraph(new Uint8Array(0))).toEqual(nothing);
});
