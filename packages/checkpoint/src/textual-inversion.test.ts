import { bytesSource, toBytes, toFloat16 } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { encodeSafetensors } from './__fixtures__/encode-safetensors.js';
import { addTokens, openSafetensors, openTextualInversion, readFloat32 } from './index.js';

const EMBEDDING = 'text_model.embeddings.token_embedding.weight';

const file = (tensors: Record<string, { shape: number[]; values: number[] }>) => {
  const raw = Object.entries(tensors).map(([name, { shape, values }]) => {
    return [name, { dtype: 'F16', shape, bytes: toBytes(toFloat16(Float32Array.from(values))) }] as const;
  });
  return openSafetensors(bytesSource('embedding', encodeSafetensors(Object.fromEntries(raw))));
};

describe('openTextualInversion(source)', () => {
  test("reads diffusers' form, with one vector and with more", async () => {
    const one = await openTextualInversion(await file({ '<cat>': { shape: [2], values: [1, 2] } }));
    expect(one).toEqual({ tokens: ['<cat>'], vectors: new Map([['text_encoder', Float32Array.of(1, 2)]]) });
    const two = await file({ '<cat>': { shape: [2, 2], values: [1, 2, 3, 4] } });
    expect((await openTextualInversion(two)).tokens).toEqual(['<cat>', '<cat>_1']);
    expect((await openTextualInversion(two, { word: 'cat' })).tokens).toEqual(['cat', 'cat_1']);
  });

  test("reads Automatic1111's form, which needs a word", async () => {
    const source = await file({ emb_params: { shape: [1, 2], values: [1, 2] } });
    await expect(openTextualInversion(source)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await openTextualInversion(source, { word: 'bad-hands' })).tokens).toEqual(['bad-hands']);
  });

  test("reads SDXL's form, for two text encoders", async () => {
    const source = await file({
      clip_g: { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
      clip_l: { shape: [2, 2], values: [7, 8, 9, 10] },
    });
    const { tokens, vectors } = await openTextualInversion(source, { word: 'w' });
    expect(tokens).toEqual(['w', 'w_1']);
    expect(vectors.get('text_encoder')).toEqual(Float32Array.of(7, 8, 9, 10));
    expect(vectors.get('text_encoder_2')).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  test('refuses other files', async () => {
    const uneven = await file({
      clip_g: { shape: [1, 1], values: [1] },
      clip_l: { shape: [2, 1], values: [1, 2] },
    });
    await expect(openTextualInversion(uneven, { word: 'w' })).rejects.toThrow(/no textual inversion/);
    const other = await file({ a: { shape: [1], values: [1] }, b: { shape: [1], values: [1] } });
    await expect(openTextualInversion(other, { word: 'w' })).rejects.toThrow(/no textual inversion.*a, b/);
  });
});

test('addTokens appends rows to the token embedding, in whole and in any range', async () => {
  const source = await file({
    [EMBEDDING]: { shape: [2, 2], values: [1, 2, 3, 4] },
    other: { shape: [1], values: [9] },
  });
  const longer = addTokens(source, Float32Array.of(5, 6, 7, 8));
  expect(longer.shapeOf(EMBEDDING)).toEqual([4, 2]);
  const all = [1, 2, 3, 4, 5, 6, 7, 8];
  for (let start = 0; start <= 8; start++) {
    for (let count = 0; start + count <= 8; count++) {
      const part = await readFloat32(longer, EMBEDDING, { start, count });
      expect([...part]).toEqual(all.slice(start, start + count));
    }
  }
  expect(longer.location('other')).toEqual(source.location('other'));
  expect(() => addTokens(source, Float32Array.of(1, 2, 3))).toThrow(/vectors of 2 numbers/);
});
