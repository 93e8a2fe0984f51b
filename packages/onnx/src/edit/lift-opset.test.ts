import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel, liftOpset, makeNode, type OnnxModel, type OnnxNode } from '../index.js';

function modelOf(nodes: OnnxNode[], outputs: readonly string[], opset: number): OnnxModel {
  return {
    irVersion: 7,
    opsetImports: new Map([['', opset]]),
    producerName: 'test',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'test',
      nodes,
      inputs: [{ name: 'x', dtype: 'float32', elementType: 1, dims: [2, 6, 4, 4] }],
      outputs: outputs.map((name) => ({ name, dtype: 'float32' as const, elementType: 1, dims: undefined })),
      valueInfo: new Map(),
      initializers: new Map(),
    },
  };
}

async function results(model: OnnxModel): Promise<Record<string, unknown>> {
  const session = await InferenceSession.create(encodeModel(model));
  const data = Float32Array.from({ length: 192 }, (_, i) => Math.sin(i * i));
  const outputs = await session.run({ x: new Tensor('float32', data, [2, 6, 4, 4]) });
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { dims, data }]) => [name, { dims, data }]));
}

describe('liftOpset', () => {
  test.each([13, 14, 17, 18, 20])(
    'from %i gives version 21, IR version 10, and the same numbers',
    async (opset) => {
      const make = () =>
        modelOf(
          [
            makeNode('Softmax', ['x'], ['s'], { axis: 1 }),
            makeNode('Identity', ['s'], ['same']),
            makeNode('Transpose', ['same'], ['y'], { perm: [0, 2, 3, 1] }),
          ],
          ['y'],
          opset,
        );
      const lifted = make();
      liftOpset(lifted);
      expect(lifted.opsetImports.get('')).toBe(21);
      expect(lifted.irVersion).toBe(10);
      expect(await results(lifted)).toEqual(await results(make()));
    },
  );

  test.each([
    ['Split into equal parts', [makeNode('Split', ['x'], ['a', 'b'], { axis: 1 })], ['a', 'b']],
    ['ReduceMean over axes', [makeNode('ReduceMean', ['x'], ['y'], { axes: [1, 3], keepdims: 0 })], ['y']],
    ['ReduceMax over everything', [makeNode('ReduceMax', ['x'], ['y'])], ['y']],
    ['ReduceSum', [makeNode('ReduceSum', ['x'], ['y'])], ['y']],
  ])('rewrites %s, which had another form before version 18', async (_, nodes, outputs) => {
    const before = await results(modelOf(nodes, outputs, 13));
    const lifted = modelOf(nodes, outputs, 13);
    liftOpset(lifted);
    expect(await results(lifted)).toEqual(before);
  });

  test('leaves a newer model as it is, but for an IR version too old for int4', () => {
    const model = modelOf([makeNode('Anything', ['x'], ['y'])], ['y'], 22);
    liftOpset(model);
    expect(model.opsetImports.get('')).toBe(22);
    expect(model.irVersion).toBe(10);
  });

  test.each([
    ['GroupNormalization, whose scale changed', 'GroupNormalization', 18],
    ['If, whose branches it does not look into', 'If', 17],
    ['opset 12', 'Identity', 12],
  ])('refuses %s, and says how to go on', (_, opType, opset) => {
    const model = modelOf([makeNode(opType, ['x'], ['y'])], ['y'], opset);
    expect(() => liftOpset(model)).toThrowError(
      expect.objectContaining({ code: 'unsupported', hint: expect.stringContaining('opset 21') }),
    );
    expect(model.opsetImports.get('')).toBe(opset);
  });

  test('leaves operators of other domains alone', () => {
    const node = makeNode('MatMulIntegerToFloat', ['x'], ['y'], {}, { domain: 'com.microsoft' });
    expect(() => liftOpset(modelOf([node], ['y'], 17))).not.toThrow();
  });
});
