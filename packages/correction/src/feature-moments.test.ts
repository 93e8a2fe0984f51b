import { describe, expect, it } from 'vitest';
import {
  channelValues,
  layoutFor,
  observedMoments,
  randomTrajectory,
  seededNormal,
} from './__fixtures__/trajectories.js';
import { packChannels } from './channel-layout.js';
import { FeatureMoments } from './feature-moments.js';
import { FeatureWindow } from './feature-window.js';

const calls = 6;
const window = 4;
const layout = layoutFor(2, 3, 5);
const normal = seededNormal(11);
const targets = [0, 1, 2].map(() => randomTrajectory(calls, layout, normal));
const anchors = [0, 1, 2].map(() => randomTrajectory(calls, layout, normal));

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, at) => value * b[at]!));

describe('FeatureMoments.observe sums what direct computation gives', () => {
  it.each([
    ['shared anchors', undefined],
    ['separate anchors', anchors],
  ])('with %s', (_, given) => {
    const moments = observedMoments(targets, layout, window, given);
    const from = given ?? targets;
    expect(moments.samples).toBe(3 * 2 * 5);
    for (let t = 0; t < calls; t++) {
      let distances = new Array<number>(window).fill(0);
      for (let c = 0; c < 3; c++) {
        const x = channelValues(targets, t, c, layout);
        const q = channelValues(from, t, c, layout);
        expect(moments.sums.targetSum[t * 3 + c]).toBeCloseTo(sum(x), 9);
        expect(moments.sums.targetSquare[t * 3 + c]).toBeCloseTo(dot(x, x), 9);
        expect(moments.sums.anchorSum[t * 3 + c]).toBeCloseTo(sum(q), 9);
        for (let k = 0; k < window && k <= t; k++) {
          const earlier = channelValues(from, t - k, c, layout);
          const at = (t * window + k) * 3 + c;
          expect(moments.sums.cross[at]).toBeCloseTo(dot(x, earlier), 9);
          expect(moments.sums.anchorCross[at]).toBeCloseTo(dot(q, earlier), 9);
          distances = distances.with(
            k,
            distances[k]! + sum(x.map((value, i) => Math.abs(value - earlier[i]!))),
          );
        }
      }
      for (let k = 0; k < window && k <= t; k++) {
        expect(moments.distanceTable().distance[t * window + k]).toBeCloseTo(distances[k]!, 9);
      }
    }
  });

  it('in either layout of the channels', () => {
    const last = { ...layout, channelsLast: true };
    const reordered = targets.map((trajectory) =>
      trajectory.map((features) => {
        const out = new Float32Array(features.length);
        for (let b = 0; b < 2; b++) {
          for (let c = 0; c < 3; c++) {
            for (let p = 0; p < 5; p++) out[(b * 5 + p) * 3 + c] = features[(b * 3 + c) * 5 + p]!;
          }
        }
        return out;
      }),
    );
    expect(packChannels(reordered[0]![0]!, last)).toEqual(packChannels(targets[0]![0]!, layout));
    expect(observedMoments(reordered, last, window).sums).toEqual(
      observedMoments(targets, layout, window).sums,
    );
  });
});

describe('FeatureMoments', () => {
  it('keeps the features of one window only, and copies what it is given', () => {
    const kept = new FeatureWindow(3);
    const buffers = new Set<ArrayBufferLike>();
    for (let call = 0; call < 50; call++) {
      const features = kept.recycle(call, 8);
      buffers.add(features.buffer);
      kept.put(call, features);
      expect(kept.held).toBeLessThanOrEqual(3);
      expect(kept.get(call - 3)).toBeUndefined();
    }
    expect(buffers.size).toBe(3);

    const moments = new FeatureMoments({ calls, channels: 3, window });
    const reused = new Float32Array(30);
    moments.begin();
    for (let call = 0; call < calls; call++) {
      reused.set(targets[0]![call]!);
      moments.observe(call, reused, layout);
    }
    moments.end();
    expect(moments.sums).toEqual(observedMoments(targets.slice(0, 1), layout, window).sums);
  });

  it('merge() gives what observing all trajectories gives', () => {
    const first = observedMoments(targets.slice(0, 1), layout, window, anchors.slice(0, 1));
    first.merge(observedMoments(targets.slice(1), layout, window, anchors.slice(1)));
    const all = observedMoments(targets, layout, window, anchors);
    expect(first.samples).toBe(all.samples);
    expect(first.trajectories).toBe(3);
    for (const [name, array] of Object.entries(all.sums)) {
      const merged: Float64Array = first.sums[name as keyof typeof first.sums];
      expect(
        Math.max(...array.map((value: number, at: number) => Math.abs(value - merged[at]!))),
      ).toBeLessThan(1e-9);
    }
  });

  it.each([
    ['shared', undefined],
    ['separate', anchors],
  ])('restore(snapshot()) continues with %s anchors', (_, given) => {
    const whole = observedMoments(targets, layout, window, given);
    const restored = FeatureMoments.restore(
      structuredClone(observedMoments(targets.slice(0, 2), layout, window, given?.slice(0, 2)).snapshot()),
    );
    restored.merge(observedMoments(targets.slice(2), layout, window, given?.slice(2)));
    expect(restored.samples).toBe(whole.samples);
    expect(restored.sums.cross[20]).toBeCloseTo(whole.sums.cross[20]!, 10);
    expect(restored.sums.anchorCross[40]).toBeCloseTo(whole.sums.anchorCross[40]!, 10);
    expect(Object.keys(restored.snapshot().sums).includes('anchorSum')).toBe(given !== undefined);
  });

  it('begin() forgets a trajectory that was not finished', () => {
    const moments = observedMoments(targets.slice(0, 2), layout, window);
    const before = structuredClone(moments.snapshot());
    moments.begin();
    moments.observe(0, targets[2]![0]!, layout);
    expect(moments.snapshot()).toEqual(before);
    moments.begin();
    for (const [call, features] of targets[2]!.entries()) moments.observe(call, features, layout);
    moments.end();
    expect(moments.sums.cross).toEqual(observedMoments(targets, layout, window).sums.cross);
  });

  it('takes anchors for some calls only, the same in every trajectory', () => {
    const moments = new FeatureMoments({ calls: 3, channels: 3, window: 3, separateAnchors: true });
    const observe = (anchored: readonly number[]) => {
      moments.begin();
      for (let call = 0; call < 3; call++) {
        const anchor = anchored.includes(call) ? anchors[0]![call] : undefined;
        moments.observe(call, targets[0]![call]!, layout, anchor);
      }
      moments.end();
    };
    observe([0, 2]);
    expect([...moments.anchored]).toEqual([1, 0, 1]);
    expect(() => observe([0, 1])).toThrowError(/expected calls 0, 2, got calls 0, 1/);
    expect(() => moments.distanceTable()).toThrowError(/every call has an anchor.*got calls 0, 2/);
    expect(moments.trajectories).toBe(1);
  });

  it('says what is wrong with a call', () => {
    const moments = new FeatureMoments({ calls: 2, channels: 3, window: 2 });
    const features = targets[0]![0]!;
    expect(() => moments.observe(0, features, layout)).toThrowError(/expected begin\(\) first, got call 0/);
    moments.begin();
    expect(() => moments.observe(1, features, layout)).toThrowError(/expected call 0, got call 1/);
    expect(() => moments.observe(0, features.subarray(1), layout)).toThrowError(/= 30 values, got 29/);
    expect(() => moments.observe(0, features, layoutFor(3, 2, 5))).toThrowError(
      /channels.*expected 3, got 2/,
    );
    expect(() => moments.observe(0, features, layout, features)).toThrowError(/separateAnchors: true/);
    expect(() =>
      moments.observe(
        0,
        features.map(() => Number.NaN),
        layout,
      ),
    ).toThrowError(/call 0, channel 0.*NaN/);
    moments.begin();
    moments.observe(0, features, layout);
    expect(() => moments.observe(1, features.subarray(15), layoutFor(1, 3, 5))).toThrowError(
      /values per channel.*expected 10, got 5/,
    );
    expect(() => moments.end()).toThrowError(/not complete.*expected 2 calls, got 1/);
  });

  it('refuses to merge or restore another shape', () => {
    const moments = observedMoments(targets, layout, window);
    expect(() => moments.merge(observedMoments(targets, layout, 2))).toThrowError(/window 4.*window 2/);
    const snapshot = moments.snapshot();
    expect(() => FeatureMoments.restore({ ...snapshot, channels: 2 })).toThrowError(
      /targetSum.*12 values, got 18/,
    );
    expect(() => FeatureMoments.restore({ ...snapshot, separateAnchors: true })).toThrowError(
      /anchorSum.*got none/,
    );
  });
});
