import { tensor } from '@cachequant/tensor';
import { writeModel } from '@cachequant/tensor/testing';
import { expect } from 'vitest';
import { anonymousBytes, assumption, f32, integers, runOnce } from '../__fixtures__/assumption.js';

/** softmax(scale · Q Kᵀ) V; queries [B, S, H·D], keys and values [B, L, H·D] */
const attention = (
  batch: number,
  queries: number,
  keys: number,
  heads: number,
  depth: number,
  scale: number,
) =>
  writeModel({
    inputs: {
      q: { dtype: 'float32', dims: [batch, queries, heads * depth] },
      k: { dtype: 'float32', dims: [batch, keys, heads * depth] },
      v: { dtype: 'float32', dims: [batch, keys, heads * depth] },
    },
    outputs: { y: { dtype: 'float32', dims: [batch, queries, heads * depth] } },
    nodes: [
      {
        op: 'MultiHeadAttention',
        domain: 'com.microsoft',
        inputs: ['q', 'k', 'v'],
        outputs: ['y'],
        attributes: { num_heads: heads, scale: { float: scale } },
      },
    ],
  });

assumption('MultiHeadAttention takes a scale, and keys of another number than queries', async (runtime) => {
  const [S, L, H, D, scale] = [3, 5, 2, 4, 0.7];
  const values = (count: number, seed: number) => integers(count, -9, 9, seed).map((value) => value / 9);
  const q = f32([1, S, H * D], ...values(S * H * D, 1));
  const k = f32([1, L, H * D], ...values(L * H * D, 2));
  const v = f32([1, L, H * D], ...values(L * H * D, 3));
  const { kernels, outputs } = await runOnce(runtime, attention(1, S, L, H, D, scale), { q, k, v });
  expect(kernels).toEqual(['MultiHeadAttention']);
  for (const [at, actual] of (outputs.y!.data as Float32Array).entries()) {
    const [position, head] = [Math.floor(at / (H * D)), Math.floor((at % (H * D)) / D)];
    const score = (l: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) {
        sum += q.data[position * H * D + head * D + d]! * k.data[l * H * D + head * D + d]!;
      }
      return Math.exp(scale * sum);
    };
    const weights = Array.from({ length: L }, (_, l) => score(l));
    const total = weights.reduce((sum, each) => sum + each);
    const expected = weights.reduce(
      (sum, each, l) => sum + (each / total) * v.data[l * H * D + (at % (H * D))]!,
      0,
    );
    expect(actual).toBeCloseTo(expected, 4);
  }
});

assumption('MultiHeadAttention does not hold the scores of all positions', async (runtime, context) => {
  const [S, H, D] = [2048, 8, 8];
  const scores = 4 * H * S * S;
  const session = await runtime.load({ bytes: attention(1, S, S, H, D, 0.3) });
  const before = anonymousBytes();
  if (before === undefined) return context.skip('no /proc to read the memory from');
  const x = tensor('float32', [1, S, H * D]);
  await session.run({ q: x, k: x, v: x });
  // The arena keeps what a run took, so that it shows afterwards.
  expect(anonymousBytes()! - before).toBeLessThan(scores / 2);
  await session.dispose();
});
