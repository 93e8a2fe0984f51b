import { describe, expect, test } from 'vitest';
import { buildModel, float32s, int64s } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { countMultiplyAdds } from '../analyze/count-multiply-adds.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import { makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { fuseAttention } from './fuse-attention.js';

const count = ({ graph }: OnnxModel, type: string) =>
  graph.nodes.filter(({ opType }) => opType === type).length;

describe.each([
  ['fashion-sd/unet', 14],
  ['tiny/sdxl-unet', undefined],
  ['tiny/sd-unet-dynamo', undefined],
  ['tiny/dit', 6],
])('fuseAttention %s', (name, expected) => {
  const bytes = loadModelFile(`${name}/model.onnx`);
  const model = parseModel(bytes);
  const inputDims = exampleDims(model);
  const fused = fuseAttention(model, inferShapes(model, { inputDims }));

  test('leaves no Softmax behind', () => {
    expect(count(fused, 'MultiHeadAttention')).toBe(expected ?? count(model, 'Softmax'));
    expect(count(fused, 'Softmax')).toBe(0);
  });

  test('gives the same output', async () => {
    const feeds = randomFeeds(model, inputDims, 5);
    const [before, after] = [await runModel(bytes, feeds), await runModel(encodeModel(fused), feeds)];
    for (const [output, { data }] of Object.entries(before)) {
      const actual = after[output]!.data as Float32Array;
      const worst = (data as Float32Array).reduce(
        (most, v, i) => Math.max(most, Math.abs(v - actual[i]!)),
        0,
      );
      expect(worst).toBeLessThan(2e-4);
    }
  });

  test('counts the same multiply-adds', () => {
    const total = (each: OnnxModel) => countMultiplyAdds(each, inferShapes(each, { inputDims })).total;
    expect(total(fused)).toBe(total(model));
  });
});

describe('fuseAttention', () => {
  const [B, S, L, H, D] = [2, 5, 3, 2, 4];
  const shape = (axis: number[]) => int64s(...axis);
  const constants = {
    split: shape([0, 0, H, D]),
    join: shape([0, 0, H * D]),
    eight: float32s(8),
    half: float32s(0.5),
    mask: float32s(0, 0, -1),
  };
  const inputs = {
    q: ['float32', [B, S, H * D]],
    k: ['float32', [B, L, H * D]],
    v: ['float32', [B, L, H * D]],
  } as const;
  const heads = (name: string, perm: number[]): OnnxNode[] => [
    makeNode('Reshape', [name, 'split'], [`${name}s`]),
    makeNode('Transpose', [`${name}s`], [`${name}t`], { perm }),
  ];
  const attention = (...middle: OnnxNode[]): OnnxModel =>
    buildModel(
      [
        ...heads('q', [0, 2, 1, 3]),
        ...heads('k', [0, 2, 3, 1]),
        ...heads('v', [0, 2, 1, 3]),
        makeNode('MatMul', ['qt', 'kt'], ['scores']),
        ...middle,
        makeNode('Softmax', [middle.at(-1)?.outputs[0] ?? 'scores'], ['weights'], { axis: -1 }),
        makeNode('MatMul', ['weights', 'vt'], ['mixed']),
        makeNode('Transpose', ['mixed'], ['back'], { perm: [0, 2, 1, 3] }),
        makeNode('Reshape', ['back', 'join'], ['out']),
      ],
      { inputs: { ...inputs } as never, constants, outputs: ['out'] },
    );
  const fuse = (model: OnnxModel) => fuseAttention(model, inferShapes(model));

  test.each([
    ['Mul', 'half', 0.5],
    ['Div', 'eight', 0.125],
  ])('takes a scale behind the scores in: %s', async (operator, constant, scale) => {
    const model = attention(makeNode(operator, ['scores', constant], ['scaled']));
    const fused = fuse(model);
    expect(fused.graph.nodes.map(({ opType }) => opType)).toEqual(['MultiHeadAttention']);
    expect(fused.graph.nodes[0]!.attributes.get('scale')).toEqual({ type: 'float', value: scale });
    const feeds = randomFeeds(model, { q: [B, S, 8], k: [B, L, 8], v: [B, L, 8] }, 3);
    const before = (await runModel(encodeModel(model), feeds)).out!.data as Float32Array;
    const after = (await runModel(encodeModel(fused), feeds)).out!.data as Float32Array;
    for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 5);
  });

  test('leaves attention with a mask as it is', () => {
    const model = attention(makeNode('Add', ['scores', 'mask'], ['masked']));
    expect(count(fuse(model), 'Softmax')).toBe(1);
  });

  test('leaves attention whose weights are read elsewhere as it is', () => {
    const model = attention();
    model.graph.outputs.push({ name: 'weights', dtype: 'float32', elementType: 1, dims: undefined });
    expect(count(fuse(model), 'Softmax')).toBe(1);
  });

  test('leaves heads that are laid out in another way as they are', () => {
    const model = attention();
    model.graph.nodes
      .find(({ outputs }) => outputs[0] === 'vt')!
      .attributes.set('perm', {
        type: 'ints',
        value: [0n, 2n, 3n, 1n],
      });
    expect(count(fuseAttention(model, inferShapes(attention())), 'Softmax')).toBe(1);
  });

  test('does not change the model given', () => {
    const model = attention();
    fuse(model);
    expect(count(model, 'Softmax')).toBe(1);
  });
});
