import { type Feeds, type Session, type TensorInfo, tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { pictureScorer } from './picture-scorer.js';

function session(inputs: TensorInfo[], onRun: (feeds: Feeds) => void = () => {}): Session {
  return {
    inputs,
    outputs: [{ name: 'score', dtype: 'float32', dims: ['B', 1] }],
    run: async (feeds) => {
      onRun(feeds);
      return { score: tensor('float32', [1, 1], Float32Array.of(0.25)) };
    },
    endProfiling: async () => [],
    dispose: async () => {},
  };
}

const image: TensorInfo = { name: 'image', dtype: 'float32', dims: ['B', 3, 1, 2] };
const picture = { width: 2, height: 1, rgb: Uint8Array.of(0, 51, 255, 255, 204, 0) };

describe('pictureScorer(session)', () => {
  it('feeds planes in [−1, 1] and hands out the outputs by name', async () => {
    let fed: number[] = [];
    const scorer = pictureScorer(
      session([image], (feeds) => {
        fed = [...((feeds.image as ReturnType<typeof tensor>).data as Float32Array)];
      }),
    );
    expect(await scorer.score(picture)).toEqual({ score: Float32Array.of(0.25) });
    expect(fed.map((value) => Number(value.toFixed(6)))).toEqual([-1, 1, -0.6, 0.6, 1, -1]);
  });

  it('refuses pictures of another size and networks with other inputs', async () => {
    const scorer = pictureScorer(session([image]));
    await expect(scorer.score({ width: 1, height: 2, rgb: picture.rgb })).rejects.toThrow(
      'expected 2×1, got 1×2',
    );
    expect(() => pictureScorer(session([image, image]))).toThrow('the scorer takes no pictures');
  });
});
