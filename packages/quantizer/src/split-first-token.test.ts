import { inferShapes, makeNode, type OnnxModel, type OnnxNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Tensor, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, largestDifference, normal, run } from './__fixtures__/models.js';
import { quantize } from './__fixtures__/quantize.js';
import { excludeReason } from './exclude-reason.js';
import { findLayers } from './layers.js';
import { splitFirstToken } from './split-first-token.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const [TOKENS, WIDTH, HEAD] = [17, 24, 16];

const TEXT = new Map([['text', TOKENS]]);
const int64 = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));

/** Cross-attention: 12 queries on a text whose first token is as large as MixDQ found it. */
const inputs = { x: [2, 12, HEAD], text: [2, TOKENS, WIDTH] };
const products = {
  'of tokens [B, S, D]': [
    makeNode('MatMul', ['text', 'to_k'], ['k'], {}, { name: 'to_k' }),
    makeNode('MatMul', ['text', 'to_v'], ['v'], {}, { name: 'to_v' }),
  ],
  'of rows [B·S, D]': [
    makeNode('Reshape', ['text', 'rows'], ['text/rows']),
    makeNode('Gemm', ['text/rows', 'to_k/turned'], ['k/rows'], { transB: 1 }, { name: 'to_k' }),
    makeNode('Gemm', ['text/rows', 'to_v/turned'], ['v/rows'], { transB: 1 }, { name: 'to_v' }),
    makeNode('Reshape', ['k/rows', 'tokens'], ['k']),
    makeNode('Reshape', ['v/rows', 'tokens'], ['v']),
  ],
};
const attention = (nodes: readonly OnnxNode[]) =>
  buildModel(
    [
      ...nodes,
      makeNode('Transpose', ['k'], ['k/turned'], { perm: [0, 2, 1] }),
      makeNode('MatMul', ['x', 'k/turned'], ['scores']),
      makeNode('Softmax', ['scores'], ['weights']),
      makeNode('MatMul', ['weights', 'v'], ['attended']),
      makeNode('Identity', ['k'], ['keys']),
      makeNode('Identity', ['v'], ['values']),
    ],
    {
      inputs,
      constants: {
        rows: int64(-1, WIDTH),
        tokens: int64(-1, TOKENS, HEAD),
        'to_k/turned': normal([HEAD, WIDTH], 1, { deviation: 0.2 }),
        'to_v/turned': normal([HEAD, WIDTH], 2, { deviation: 0.2 }),
        to_k: normal([WIDTH, HEAD], 1, { deviation: 0.2 }),
        to_v: normal([WIDTH, HEAD], 2, { deviation: 0.2 }),
      },
      outputs: ['attended', 'keys', 'values'],
    },
  );
const text = normal(inputs.text, 3, { deviation: 4 });
/** The largest of other tokens is about 15: the first one has one channel of 828. */
for (let image = 0; image < 2; image++) text.data[image * TOKENS * WIDTH + 5] = 828;
const feeds = { x: normal(inputs.x, 4, { deviation: 0.3 }), text };

/** Signal to noise in decibels of all tokens but the first. */
function decibels(truth: Tensor<'float32'>, given: Tensor<'float32'>): number {
  let [signal, noise] = [0, 0];
  for (const [i, value] of truth.data.entries()) {
    if (Math.floor(i / HEAD) % TOKENS === 0) continue;
    signal += value * value;
    noise += (value - given.data[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

describe.each(Object.entries(products))('splitFirstToken of products %s', (_, nodes) => {
  const model = attention(nodes);
  const split = splitFirstToken(model, TEXT);

  test('computes the same', async () => {
    const [truth, made] = [await run(runtime, model, feeds), await run(runtime, split, feeds)];
    for (const name of ['attended', 'keys', 'values']) {
      expect(largestDifference(made[name]!.data, truth[name]!.data), name).toBeLessThan(1e-4);
    }
  });

  test('leaves the first token too few rows for integers, and the others enough', () => {
    const shapes = inferShapes(split, { inputDims: inputs });
    const reasons = findLayers(split.graph).map((layer) => [
      layer.id.replace('/turned', '').replace('/rows', ''),
      excludeReason(split.graph, shapes, layer),
    ]);
    expect(reasons).toEqual([
      ['to_k:k/other_tokens', undefined],
      ['to_k:k/first_token', 'too few rows to gain'],
      ['to_v:v/other_tokens', undefined],
      ['to_v:v/first_token', 'too few rows to gain'],
    ]);
  });

  test('leaves the model given as it was, and one without such products too', () => {
    const operators = ({ graph }: OnnxModel) => graph.nodes.map(({ opType }) => opType);
    expect(operators(model)).not.toContain('Slice');
    expect(splitFirstToken(model, new Map())).toBe(model);
    expect(operators(splitFirstToken(model, new Map([['x', 12]])))).toEqual(operators(model));
  });

  test('keeps the keys and values of the other tokens in 8 bits, which an outlier takes from them', async () => {
    const truth = await run(runtime, model, feeds);
    const measured = async (source: OnnxModel) => {
      const shapes = inferShapes(source, { inputDims: inputs });
      const made = await quantize(runtime, source, [feeds], {
        choose: (layer) => excludeReason(source.graph, shapes, layer) === undefined,
      });
      const results = await run(runtime, made.model, {
        ...feeds,
        call_index: tensor('int64', [], BigInt64Array.of(0n)),
      });
      return (['keys', 'values'] as const).map((name) => decibels(truth[name]!, results[name]!));
    };
    const [plain, apart] = [await measured(model), await measured(split)];
    for (const [i, before] of plain.entries()) {
      expect(before).toBeLessThan(20);
      expect(apart[i]!).toBeGreaterThan(35);
    }
  });
});
