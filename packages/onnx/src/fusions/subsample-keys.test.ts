import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel, float32s, int64s } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel, uniform } from '../__fixtures__/reference.js';
import { countMultiplyAdds } from '../analyze/count-multiply-adds.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxModel } from '../model.js';
import { float, makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { fuseAttention } from './fuse-attention.js';
import { findSpatialAttentions, subsampleKeys } from './subsample-keys.js';

const [B, C, HEADS] = [2, 6, 2];
const SCALE = 0.7;
const random = uniform(9);
const weight = () => Array.from({ length: C * C }, random);
const weights = { q: weight(), k: weight(), v: weight(), bias: weight().slice(0, C) };
const matrix = (values: readonly number[]) => tensor('float32', [C, C], Float32Array.from(values));

const byMatMul = (tokens: string) => [makeNode('MatMul', [tokens, 'wk'], ['key'])];
/** As exporters write a linear layer of three dimensions with a bias. */
const byGemm = (tokens: string) => [
  makeNode('Reshape', [tokens, 'rows'], ['key_tokens']),
  makeNode('Gemm', ['key_tokens', 'wk'], ['key_product']),
  makeNode('Reshape', ['key_product', 'flat'], ['key']),
];

/** Self-attention over the positions of [B, C, height, width], with a bias on the values. */
function selfAttention(height: number, width: number, keysFrom = 'tokens', keys = byMatMul): OnnxModel {
  return buildModel(
    [
      makeNode('Transpose', ['x'], ['moved'], { perm: [0, 2, 3, 1] }),
      makeNode('Reshape', ['moved', 'flat'], ['tokens']),
      makeNode('Neg', ['tokens'], ['others']),
      makeNode('MatMul', ['tokens', 'wq'], ['query']),
      ...keys(keysFrom),
      makeNode('MatMul', ['tokens', 'wv'], ['product']),
      makeNode('Add', ['product', 'bias'], ['value']),
      makeNode(
        'MultiHeadAttention',
        ['query', 'key', 'value'],
        ['mixed'],
        { num_heads: HEADS, scale: float(SCALE) },
        { domain: 'com.microsoft' },
      ),
    ],
    {
      inputs: { x: ['float32', [B, C, height, width]] },
      outputs: ['mixed'],
      constants: {
        rows: int64s(-1, C),
        flat: int64s(-1, height * width, C),
        wq: matrix(weights.q),
        wk: matrix(weights.k),
        wv: matrix(weights.v),
        bias: float32s(...weights.bias),
      },
    },
  );
}

/** Row-wise product of a token with a weight [C, C]. */
const projected = (token: readonly number[], by: readonly number[]) =>
  Array.from({ length: C }, (_, o) => token.reduce((sum, value, i) => sum + value * by[i * C + o]!, 0));

/** The same, written out: every position looks at those in even rows and columns. */
function expected(x: Float32Array, height: number, width: number): number[] {
  const made: number[] = [];
  const depth = C / HEADS;
  for (let b = 0; b < B; b++) {
    const token = (row: number, column: number) =>
      Array.from({ length: C }, (_, c) => x[((b * C + c) * height + row) * width + column]!);
    const kept: number[][] = [];
    for (let row = 0; row < height; row += 2) {
      for (let column = 0; column < width; column += 2) kept.push(token(row, column));
    }
    const keys = kept.map((each) => projected(each, weights.k));
    const values = kept.map((each) => projected(each, weights.v).map((value, c) => value + weights.bias[c]!));
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const query = projected(token(row, column), weights.q);
        for (let head = 0; head < HEADS; head++) {
          const channels = Array.from({ length: depth }, (_, d) => head * depth + d);
          const scores = keys.map((key) =>
            Math.exp(SCALE * channels.reduce((sum, c) => sum + query[c]! * key[c]!, 0)),
          );
          const total = scores.reduce((sum, score) => sum + score, 0);
          for (const c of channels) {
            made.push(values.reduce((sum, value, i) => sum + (scores[i]! * value[c]!) / total, 0));
          }
        }
      }
    }
  }
  return made;
}

const shapesOf = (model: OnnxModel) => inferShapes(model, { inputDims: exampleDims(model) });

describe('subsampleKeys(model, shapes, ids)', () => {
  test.each([
    [4, 6],
    [5, 3],
    [2, 2],
    [1, 4],
  ])('gives what attention to every second position of %i × %i gives, written out', async (height, width) => {
    for (const keys of [byMatMul, byGemm])
      await compare(selfAttention(height, width, 'tokens', keys), height, width);
  });

  const compare = async (model: OnnxModel, height: number, width: number) => {
    const fewer = subsampleKeys(model, shapesOf(model), ['mixed']);
    const feeds = randomFeeds(model, exampleDims(model), 3);
    const { mixed } = await runModel(encodeModel(fewer), feeds);
    const wanted = expected(feeds.x!.data as Float32Array, height, width);
    expect(mixed!.dims).toEqual([B, height * width, C]);
    for (const [i, value] of (mixed!.data as Float32Array).entries())
      expect(value).toBeCloseTo(wanted[i]!, 4);
  };

  test('takes a quarter of the products of attention, and of its keys and values', () => {
    const model = selfAttention(4, 6);
    const fewer = subsampleKeys(model, shapesOf(model), ['mixed']);
    const total = (each: OnnxModel) => countMultiplyAdds(each, shapesOf(each)).total;
    const projection = B * 24 * C * C;
    const attention = 2 * B * 24 * 24 * C;
    expect(total(model)).toBe(3 * projection + attention);
    expect(total(fewer)).toBe(1.5 * projection + attention / 4);
  });

  test('leaves the model that is given as it was, and changes nothing without ids', () => {
    const model = selfAttention(4, 6);
    const before = encodeModel(model);
    subsampleKeys(model, shapesOf(model), ['mixed']);
    expect(encodeModel(model)).toEqual(before);
    expect(encodeModel(subsampleKeys(model, shapesOf(model), []))).toEqual(before);
  });

  test('refuses what is no self-attention over positions', () => {
    const model = selfAttention(4, 6, 'others');
    expect(findSpatialAttentions(model, shapesOf(model))).toEqual([]);
    expect(() => subsampleKeys(model, shapesOf(model), ['mixed'])).toThrow(
      expect.objectContaining({ code: 'invalid-argument', where: 'mixed' }),
    );
  });
});

describe('findSpatialAttentions(model, shapes)', () => {
  test('finds the self-attentions of a U-Net with their sizes, and none to a text', () => {
    const model = parseModel(loadModelFile('fashion-sd/unet/model.onnx'));
    const inputDims = exampleDims(model);
    const fused = fuseAttention(model, inferShapes(model, { inputDims }));
    const found = findSpatialAttentions(fused, inferShapes(fused, { inputDims }));
    const attentions = fused.graph.nodes.filter(({ opType }) => opType === 'MultiHeadAttention');
    expect(found).toHaveLength(attentions.length / 2);
    const [, , height, width] = inputDims.sample!;
    for (const each of found) {
      expect(each.height / each.width).toBe(height! / width!);
      expect(height! % each.height).toBe(0);
    }
  });
});
