import { FeatureMoments } from '@cachequant/correction';
import { MersenneTwister } from '@cachequant/tensor';

export interface TrajectoryOptions {
  readonly calls: number;
  readonly window: number;
  readonly images: number;
  readonly seed?: number;
  /** Of the noise on what a cached call is given; left out: it is given the features as they are. */
  readonly anchorNoise?: number;
}

const CHANNELS = 3;
const POSITIONS = 8;

/** Moments of smooth random walks, two halves as calibration keeps them. */
export function randomHalves(options: TrajectoryOptions): [FeatureMoments, FeatureMoments] {
  const { calls, window, images, seed = 1, anchorNoise } = options;
  const generator = new MersenneTwister(seed);
  const random = () => generator.nextUint32() / 2 ** 31 - 1;
  const separateAnchors = anchorNoise !== undefined;
  const make = () => new FeatureMoments({ calls, channels: CHANNELS, window, separateAnchors });
  const halves: [FeatureMoments, FeatureMoments] = [make(), make()];
  const layout = { batch: 1, channels: CHANNELS, positions: POSITIONS, channelsLast: false };
  for (let image = 0; image < images; image++) {
    const moments = halves[image % 2]!;
    const value = Float32Array.from({ length: CHANNELS * POSITIONS }, random);
    const slope = value.map(random);
    moments.begin();
    for (let call = 0; call < calls; call++) {
      const anchor = separateAnchors ? value.map((x) => x + anchorNoise * random()) : undefined;
      moments.observe(call, value, layout, anchor);
      for (const i of value.keys()) {
        slope[i] = slope[i]! + 0.3 * random();
        value[i] = value[i]! + slope[i]! * (0.1 + call / calls);
      }
    }
    moments.end();
  }
  return halves;
}
