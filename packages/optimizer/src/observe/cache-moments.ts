import { channelLayout, FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import type { Tensor, TwoFold } from '@cachequant/tensor';

/** Moments of the cached tensor along the calls of images, gathered image by image, from the first call to the last. */
export class CacheMoments {
  #halves: TwoFold<FeatureMoments> | undefined;

  /** @param options of `FeatureMoments`; their channels are those of the first tensor */
  constructor(
    private readonly options: {
      readonly calls: number;
      readonly window: number;
      readonly separateAnchors?: boolean;
    },
  ) {}

  /**
   * Takes in the cached tensor of a call.
   * @param anchor what a cached call would be given in its place, where that differs
   */
  record(
    { image, call }: { readonly image: number; readonly call: number },
    features: Tensor<'float32'>,
    anchor?: Float32Array,
  ): void {
    const layout = channelLayout(features.dims);
    this.#halves ??= [this.#empty(layout.channels), this.#empty(layout.channels)];
    const half = this.#halves[image % 2]!;
    if (call === 0) half.begin();
    half.observe(call, features.data, layout, anchor);
    if (call === this.options.calls - 1) half.end();
  }

  /** To be called after the last call of an image. */
  snapshot(): TwoFold<MomentsSnapshot> {
    const [even, odd] = this.#halves!;
    return [even.snapshot(), odd.snapshot()];
  }

  #empty(channels: number): FeatureMoments {
    const { calls, window, separateAnchors = false } = this.options;
    return new FeatureMoments({ calls, channels, window: Math.min(window, calls), separateAnchors });
  }
}
