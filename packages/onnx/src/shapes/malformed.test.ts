import { CacheQuantError, elementCount } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel, int64s, type ModelParts } from '../__fixtures__/build-model.js';
import { uniform } from '../__fixtures__/reference.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { Dim } from '../model.js';
import { makeNode } from '../node.js';
import { type TensorFacts, UNKNOWN } from './facts.js';
import { inferOutputs, KNOWN_OPERATORS } from './registry.js';

const ATTRIBUTES = [
  {},
  { axis: 7 },
  { axis: -2, keepdims: 0, blocksize: 2, group: 3, K: 4, N: 5 },
  { axes: [-1, 0], perm: [0, 0], pads: [1], strides: [2], kernel_shape: [3], equation: 'ij,jk->ik' },
  { kernel_shape: [2, 2], strides: [0, 1], equation: '...->', shape: [2, -1], to: 99 },
];

/** Left out, unknown, open, fixed, or constant. */
function randomFacts(next: () => number): TensorFacts | undefined {
  const pick = (count: number): number => Math.floor(((next() + 1) / 2) * count);
  const dims = Array.from({ length: pick(6) }, (): Dim => [null, 'n', 0, 1, 2, 3, 5][pick(7)]!);
  const values = Array.from({ length: pick(5) }, (): Dim => [null, 'n', -1, 0, 1, 2, 9e18][pick(7)]!);
  const kinds = [
    undefined,
    UNKNOWN,
    { dtype: 'float32', dims },
    { dtype: 'int64', dims: [values.length], values },
  ];
  return (kinds[pick(8)] ?? kinds[2 + pick(2)]) as TensorFacts | undefined;
}

function attempt<T>(run: () => T): T | Error {
  try {
    return run();
  } catch (error) {
    return error as Error;
  }
}

describe.each(KNOWN_OPERATORS)('the rule of %s', (key) => {
  test('answers any inputs, or throws a shape error', () => {
    const next = uniform(5);
    const at = key.lastIndexOf('.');
    for (let round = 0; round < 200; round++) {
      const inputs = Array.from({ length: round % 9 }, () => randomFacts(next));
      const attributes = ATTRIBUTES[round % ATTRIBUTES.length]!;
      const node = makeNode(key.slice(at + 1), inputs.map(String), ['y', 'z'], attributes, {
        domain: key.slice(0, Math.max(at, 0)),
      });
      const outcome = attempt(() =>
        inferOutputs({ node, opset: 8 + (round % 12), inputs, inferBranch: () => [] }),
      );
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(CacheQuantError);
        expect((outcome as CacheQuantError).code).toBe('shape');
        continue;
      }
      for (const { dims, values } of outcome) {
        if (values !== undefined) expect(values.length).toBe(elementCount(dims as number[]));
      }
    }
  });
});

describe('inferShapes on a graph that cannot run', () => {
  const inputs: ModelParts['inputs'] = {
    x: ['float32', [2, 4, 8, 8]],
    y: ['float32', [2, 3, 8, 8]],
    w: ['float32', [6, 3, 3, 3]],
  };
  test.each([
    { op: 'Add', reads: ['x', 'y'], attributes: {} },
    { op: 'Conv', reads: ['x', 'w'], attributes: {} },
    { op: 'Concat', reads: ['x', 'y'], attributes: { axis: 2 } },
    { op: 'MatMul', reads: ['x', 'w'], attributes: {} },
    { op: 'Transpose', reads: ['x'], attributes: { perm: [0, 1, 2] } },
    { op: 'Reshape', reads: ['x', 's'], attributes: {} },
  ])('throws a shape error that names the $op', ({ op, reads, attributes }) => {
    const node = makeNode(op, reads, ['z'], attributes, { name: 'culprit' });
    const model = buildModel([node], { inputs, constants: { s: int64s(5, -1) } });
    expect(() => inferShapes(model)).toThrow(
      expect.objectContaining({ code: 'shape', where: expect.stringContaining('culprit') }),
    );
  });
});

describe('inferShapes with open inputs', () => {
  const nodes = [
    makeNode('Shape', ['x'], ['shape']),
    makeNode('Gather', ['shape', 'zero'], ['batch'], { axis: 0 }),
    makeNode('Concat', ['batch', 'rest'], ['target'], { axis: 0 }),
    makeNode('Reshape', ['x', 'target'], ['rows']),
    makeNode('Mystery', ['rows'], ['riddle'], {}, { domain: 'com.example' }),
    makeNode('Relu', ['riddle'], ['after']),
  ];
  const model = buildModel(nodes, {
    inputs: { x: ['float32', ['n', 4, 'h']], y: ['float32', ['n', 'k']] },
    constants: { zero: int64s(0), rest: int64s(-1, 2) },
  });

  test('carries symbols through shape arithmetic', () => {
    expect(inferShapes(model).get('rows')).toEqual({ dtype: 'float32', dims: ['n', null, 2] });
  });

  test('binds a symbol for every input once one input fixes it', () => {
    const shapes = inferShapes(model, { inputDims: { x: [3, 4, 5] } });
    expect(shapes.get('rows')!.dims).toEqual([3, 10, 2]);
    expect(shapes.get('y')!.dims).toEqual([3, 'k']);
  });

  test('knows nothing of an operator it does not know, nor of what follows', () => {
    const shapes = inferShapes(model, { inputDims: { x: [3, 4, 5] } });
    expect(shapes.get('riddle')).toEqual({ dtype: null, dims: undefined });
    expect(shapes.get('after')).toEqual({ dtype: null, dims: undefined });
  });

  test.each<Record<string, number[]>>([
    { x: [3, 5, 5] },
    { x: [3, 4] },
    { x: [3, 4, -1] },
    { x: [3, 4, 0.5] },
    { other: [1] },
  ])('refuses inputDims %o', (inputDims) => {
    expect(() => inferShapes(model, { inputDims })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});
