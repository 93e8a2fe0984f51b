import { channelLayout, FeatureMoments } from '@cachequant/correction';
import { tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { CacheMoments } from './cache-moments.js';

const CALLS = 3;
/** [1, C, H, W] of an image at a call. */
const features = (image: number, call: number) =>
  tensor('float32', [1, 2, 1, 2], Float32Array.of(image + 1, call, image * call, 2 - call));

describe('CacheMoments', () => {
  it('gathers even and odd images apart, each from its first call to its last', () => {
    const moments = new CacheMoments({ calls: CALLS, window: 8 });
    const layout = channelLayout([1, 2, 1, 2]);
    const wanted = [0, 1].map(() => new FeatureMoments({ calls: CALLS, channels: 2, window: CALLS }));
    for (let image = 0; image < 3; image++) {
      const half = wanted[image % 2]!;
      half.begin();
      for (let call = 0; call < CALLS; call++) {
        moments.record({ image, call }, features(image, call));
        half.observe(call, features(image, call).data, layout);
      }
      half.end();
    }
    const snapshot = moments.snapshot();
    expect(snapshot).toEqual(wanted.map((half) => half.snapshot()));
    expect(snapshot.map((half) => FeatureMoments.restore(half).trajectories)).toEqual([2, 1]);
  });
});
