import type { ChannelLayout } from '../channel-layout.js';
import { FeatureMoments } from '../feature-moments.js';

/** Standard normal numbers that are the same on every run (mulberry32 and Box–Muller). */
export function seededNormal(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** One feature tensor per call, as [batch, channels, positions]. */
export type Trajectory = Float32Array[];

export function layoutFor(batch: number, channels: number, positions: number): ChannelLayout {
  return { batch, channels, positions, channelsLast: false };
}

/** Features that drift at random from call to call, every channel with a mean of its own. */
export function randomTrajectory(calls: number, layout: ChannelLayout, normal: () => number): Trajectory {
  const size = layout.batch * layout.channels * layout.positions;
  const first = Float32Array.from({ length: size }, (_, at) => normal() + (channelAt(at, layout) % 3));
  const trajectory = [first];
  for (let call = 1; call < calls; call++) {
    trajectory.push(trajectory[call - 1]!.map((value) => value + 0.3 * normal() + 0.05));
  }
  return trajectory;
}

/** The channel that an element of a [batch, channels, positions] tensor belongs to. */
export function channelAt(at: number, { channels, positions }: ChannelLayout): number {
  return Math.floor(at / positions) % channels;
}

/** All values of one channel of a call, over all trajectories. */
export function channelValues(
  trajectories: readonly Trajectory[],
  call: number,
  channel: number,
  layout: ChannelLayout,
): number[] {
  return trajectories.flatMap((trajectory) =>
    [...trajectory[call]!].filter((_, at) => channelAt(at, layout) === channel),
  );
}

export function observedMoments(
  trajectories: readonly Trajectory[],
  layout: ChannelLayout,
  window: number,
  anchors?: readonly Trajectory[],
): FeatureMoments {
  const calls = trajectories[0]!.length;
  const moments = new FeatureMoments({
    calls,
    channels: layout.channels,
    window,
    separateAnchors: anchors !== undefined,
  });
  for (const [at, trajectory] of trajectories.entries()) {
    moments.begin();
    for (const [call, features] of trajectory.entries()) {
      moments.observe(call, features, layout, anchors?.[at]?.[call]);
    }
    moments.end();
  }
  return moments;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
