import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { placeInShards, planShards, writeShards } from './weight-shards.js';

/** Five weights with gaps, as alignment leaves them; two graphs name the second one. */
const WEIGHTS = [
  { offset: 0, length: 60 },
  { offset: 64, length: 30 },
  { offset: 64, length: 30 },
  { offset: 128, length: 10 },
  { offset: 192, length: 64 },
  { offset: 256, length: 4 },
];
const SIZE = 260;
const BYTES = Uint8Array.from({ length: SIZE }, (_, i) => i);

describe('planShards', () => {
  it('leaves one file where nobody asks for more', () => {
    expect(planShards({ size: SIZE, weights: WEIGHTS })).toEqual([
      { location: 'weights.bin', start: 0, end: SIZE },
    ]);
  });

  it.each([64, 70, 100, 138, 1000])(
    'of %i bytes keeps to that, and every weight whole',
    async (shardBytes) => {
      const shards = planShards({ size: SIZE, weights: WEIGHTS, shardBytes });
      const [from, to] = [memoryStorage(), memoryStorage()];
      await writeFile(from, 'w', BYTES);
      await writeShards(from, 'w', shards, to, 'denoiser');
      for (const path of await to.list()) {
        expect((await to.stat(path))!.size).toBeLessThanOrEqual(shardBytes);
      }
      for (const weight of WEIGHTS) {
        const { location, offset, length } = placeInShards(shards, weight);
        const found = await to.read(`denoiser/${location}`, { offset, length });
        expect(found).toEqual(BYTES.subarray(weight.offset, weight.offset + weight.length));
      }
    },
  );

  it('refuses a weight that fits in none', () => {
    expect(() => planShards({ size: SIZE, weights: WEIGHTS, shardBytes: 63 })).toThrow(/at least 64 bytes/);
  });
});
