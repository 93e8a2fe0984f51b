import { inferShapes, makeNode, type OnnxNode } from '@cachequant/onnx';
import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel, normal } from './__fixtures__/models.js';
import { excludeReason } from './exclude-reason.js';
import { findLayers } from './layers.js';

const constants = {
  w: normal([6, 6, 3, 3], 1),
  two: tensor('float32', [], Float32Array.of(2)),
  one: tensor('float32', [1], Float32Array.of(1)),
};

const conv = (from: string, to: string): OnnxNode =>
  makeNode('Conv', [from, 'w'], [to], { pads: [1, 1, 1, 1] });

/** Which of the layers of a graph stay in float as its first or last. */
function outermost(nodes: OnnxNode[]): string[] {
  const model = buildModel(nodes, {
    inputs: { x: [2, 6, 8, 8], sigma: [2, 1, 1, 1] },
    constants,
    outputs: ['y'],
  });
  const shapes = inferShapes(model);
  return findLayers(model.graph)
    .filter((layer) => excludeReason(model.graph, shapes, layer) === 'first or last layer')
    .map(({ output }) => output);
}

const body = (from: string, to: string) => [
  conv(from, 'h1'),
  makeNode('Relu', ['h1'], ['r1']),
  conv('r1', 'h2'),
  makeNode('Relu', ['h2'], ['r2']),
  conv('r2', to),
];

describe('excludeReason keeps the first and the last layer in float', () => {
  test('where they read the sample and make the output themselves', () => {
    expect(outermost(body('x', 'y'))).toEqual(['h1', 'y']);
  });

  test('behind center_input_sample: 2 · x − 1', () => {
    const center = [makeNode('Mul', ['x', 'two'], ['xx']), makeNode('Sub', ['xx', 'one'], ['centered'])];
    expect(outermost([...center, ...body('centered', 'y')])).toEqual(['h1', 'y']);
  });

  test('within preconditioning: c_skip(σ) · x + c_out(σ) · F(c_in(σ) · x)', () => {
    const nodes = [
      makeNode('Mul', ['x', 'sigma'], ['scaled']),
      ...body('scaled', 'f'),
      makeNode('Mul', ['f', 'sigma'], ['out']),
      makeNode('Mul', ['x', 'sigma'], ['skip']),
      makeNode('Add', ['skip', 'out'], ['y']),
    ];
    expect(outermost(nodes)).toEqual(['h1', 'f']);
  });

  test('and not the layers of a last block that adds to its stream', () => {
    const nodes = [
      ...body('x', 'stream'),
      conv('stream', 'branch'),
      makeNode('Add', ['stream', 'branch'], ['y']),
    ];
    expect(outermost(nodes)).toEqual(['h1']);
  });
});
