import { makeNode, type OnnxNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, callIndex, normal, run, signalToNoise } from '../../__fixtures__/models.js';
import { quantize } from '../../__fixtures__/quantize.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const feeds = { x: normal([2, 9, 12], 1, { mean: 0.4 }) };
const one = (value: number) => tensor('int64', [1], BigInt64Array.of(BigInt(value)));
const constants = {
  w: normal([12, 10], 2),
  b: normal([10], 3),
  zero: one(0),
  six: one(6),
  ten: one(10),
  two: one(2),
  minusOne: one(-1),
  sizes: tensor('int64', [2], BigInt64Array.of(6n, 4n)),
};
const layer = [makeNode('MatMul', ['x', 'w'], ['xw']), makeNode('Add', ['xw', 'b'], ['y'])];
const modelOf = (nodes: OnnxNode[], outputs = ['first', 'second']) =>
  buildModel([...layer, ...nodes], { inputs: { x: [2, 9, 12] }, constants, outputs });

const slice = (from: string, to: string, output: string, ...steps: string[]) =>
  makeNode('Slice', ['y', from, to, 'minusOne', ...steps], [output]);

const CUT = {
  'two slices': modelOf([slice('zero', 'six', 'first'), slice('six', 'ten', 'second')]),
  'slices that overlap': modelOf([slice('zero', 'ten', 'first'), slice('six', 'ten', 'second')]),
  'a split': modelOf([makeNode('Split', ['y', 'sizes'], ['first', 'second'], { axis: 2 })]),
};

describe.each(Object.entries(CUT))('a linear layer read in %s', (_, model) => {
  test('becomes one product for each piece, with the same numbers', async () => {
    const { model: integer } = await quantize(runtime, model, [feeds]);
    const types = integer.graph.nodes.map(({ opType }) => opType);
    expect(types.filter((type) => type === 'MatMulIntegerToFloat')).toHaveLength(2);
    expect(types).not.toContain('Split');
    const expected = await run(runtime, model, feeds);
    const actual = await run(runtime, integer, { ...feeds, call_index: callIndex(0) });
    for (const name of ['first', 'second']) {
      expect(actual[name]!.dims).toEqual(expected[name]!.dims);
      expect(signalToNoise(expected[name]!.data, actual[name]!.data)).toBeGreaterThan(32);
    }
  });
});

describe('a linear layer stays one product', () => {
  const whole = {
    'that is also read whole': modelOf([
      slice('zero', 'six', 'first'),
      slice('six', 'ten', 'half'),
      makeNode('Relu', ['y'], ['second']),
      makeNode('Relu', ['half'], ['third']),
    ]),
    'that is an output': modelOf(
      [slice('zero', 'six', 'first'), slice('six', 'ten', 'second')],
      ['first', 'second', 'y'],
    ),
    'that is read with a step': modelOf([
      slice('zero', 'ten', 'first', 'two'),
      slice('six', 'ten', 'second'),
    ]),
    'that is split along another axis': modelOf([makeNode('Split', ['y'], ['first', 'second'], { axis: 0 })]),
  };

  test.each(Object.entries(whole))('%s', async (_, model) => {
    const { model: integer } = await quantize(runtime, model, [feeds]);
    const products = integer.graph.nodes.filter(({ opType }) => opType === 'MatMulIntegerToFloat');
    expect(products).toHaveLength(1);
    const expected = await run(runtime, model, feeds);
    const actual = await run(runtime, integer, { ...feeds, call_index: callIndex(0) });
    expect(signalToNoise(expected.first!.data, actual.first!.data)).toBeGreaterThan(32);
  });
});
