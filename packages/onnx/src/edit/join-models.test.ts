import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { makeNode, type OnnxModel } from '../index.js';
import { joinModels } from './join-models.js';

const weight = tensor('float32', [2], Float32Array.of(1, 2));
const FLOATS = ['float32', [2]] as ['float32', number[]];

/** Two outputs of `x`, the second scaled. */
const first = (opset?: number) =>
  buildModel([makeNode('Add', ['x', 'w'], ['a']), makeNode('Mul', ['a', 'scale'], ['b'])], {
    inputs: { x: FLOATS, scale: FLOATS },
    constants: { w: weight },
    outputs: ['a', 'b'],
    ...(opset && { opset }),
  });

/** Takes what the other gives, beside a weight and a tensor of the same names. */
const second = () =>
  buildModel([makeNode('Mul', ['x', 'w'], ['a']), makeNode('Sum', ['a', 'left', 'right'], ['y'])], {
    inputs: { x: FLOATS, left: FLOATS, right: FLOATS },
    constants: { w: weight },
    outputs: ['y'],
  });

const options = {
  prefix: 'first.',
  feeds: new Map([
    ['left', 'a'],
    ['right', 'b'],
  ]),
  shared: new Map([['x', 'x']]),
};

const names = (values: readonly { readonly name: string }[]) => values.map(({ name }) => name);

describe('joinModels(first, second)', () => {
  test('feeds outputs of the first to inputs of the second, and shares inputs of both', () => {
    const { graph } = joinModels(first(), second(), options);
    expect(names(graph.inputs)).toEqual(['x', 'scale']);
    expect(names(graph.outputs)).toEqual(['y']);
    expect([...graph.initializers.keys()]).toEqual(['first.w', 'w']);
    expect(graph.nodes.map(({ inputs, outputs }) => [...inputs, ...outputs])).toEqual([
      ['x', 'first.w', 'first.a'],
      ['first.a', 'scale', 'first.b'],
      ['x', 'w', 'a'],
      ['a', 'first.a', 'first.b', 'y'],
    ]);
  });

  test('leaves both models as they were', () => {
    const [before, after] = [first(), second()];
    joinModels(before, after, options);
    expect(before).toEqual(first());
    expect(after).toEqual(second());
  });

  test('renames what subgraphs capture', () => {
    const body = buildModel([makeNode('Add', ['a', 'w'], ['inner'])], { outputs: ['inner'] }).graph;
    const model: OnnxModel = first();
    model.graph.nodes[1] = makeNode('If', ['scale'], ['b'], { then_branch: body, else_branch: body });
    const { graph } = joinModels(model, second(), options);
    const branch = graph.nodes[1]!.attributes.get('then_branch');
    expect(branch?.type === 'graph' && branch.value.nodes[0]!.inputs).toEqual(['first.a', 'first.w']);
  });

  test('lifts both where their opsets differ', () => {
    const { opsetImports } = joinModels(first(17), second(), options);
    expect(opsetImports.get('')).toBe(21);
  });

  test.each([
    [
      'an input that the second has not',
      { feeds: new Map([['middle', 'a']]) },
      /no input or output 'middle'/,
    ],
    ['an output that the first has not', { feeds: new Map([['left', 'c']]) }, /no input or output 'c'/],
    ['an input that the first has not', { shared: new Map([['time', 'x']]) }, /no input or output 'time'/],
    ['inputs of both that are not shared', { shared: new Map() }, /both models have a tensor 'x'/],
    ['a prefix that leaves names alike', { prefix: '' }, /both models have a tensor/],
  ])('refuses %s', (_, change, message) => {
    expect(() => joinModels(first(), second(), { ...options, ...change })).toThrow(message);
  });
});
