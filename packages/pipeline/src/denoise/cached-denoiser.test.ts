import { type Feeds, isDeviceTensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import {
  deviceTensor,
  type FakeDeviceTensor,
  fakeSession,
  floats,
  input,
} from '../__fixtures__/fake-session.js';
import { cachedDenoiser } from './cached-denoiser.js';

const SAMPLE = input('sample', 'float32', ['B', 1, 1, 1]);
const FEATURES = input('cached_features', 'float32', ['B', 1]);
const PREVIOUS = input('cached_features_previous', 'float32', ['B', 1]);

const FORECAST = { refreshCalls: [0, 2], anchors: 2, guidance: 'forecast' } as const;

/** The n-th refresh caches the number n + 1 on the device. */
function fakeGraphs(anchors: 1 | 2) {
  const features: FakeDeviceTensor[] = [];
  const full = fakeSession([SAMPLE], ['out_sample', 'cached_features'], (feeds, run) => {
    features.push(deviceTensor(floats([feeds.sample!.dims[0]!, 1], run + 1)));
    return { out_sample: floats([1, 1, 1, 1], 100 + run), cached_features: features[run]! };
  });
  const inputs = anchors === 2 ? [SAMPLE, FEATURES, PREVIOUS] : [SAMPLE, FEATURES];
  const cached = fakeSession(inputs, ['out_sample'], (_, run) => ({ out_sample: floats([1, 1, 1, 1], run) }));
  return { full, cached, features };
}

function callOf(call: number, stream?: number) {
  const sample = floats([1, 1, 1, 1], 0);
  return { call, timestep: 0, sample, conditioning: {}, ...(stream !== undefined && { stream }) };
}

const dataOf = (value: Feeds[string] | undefined) =>
  value === undefined || isDeviceTensor(value) ? [] : value.data;

async function fed({ [FEATURES.name]: newest, [PREVIOUS.name]: previous }: Feeds) {
  const read = async (value: Feeds[string] | undefined) =>
    value !== undefined && isDeviceTensor(value) ? Number((await value.read()).data[0]) : undefined;
  return [await read(newest), await read(previous)];
}

describe('cachedDenoiser', () => {
  it('refreshes at the scheduled calls, and feeds the last two refreshes in between', async () => {
    const { full, cached } = fakeGraphs(2);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 2, 5], anchors: 2 });
    for (let call = 0; call < 7; call++) await denoiser.predict(callOf(call));
    expect(await Promise.all(cached.runs.map(fed))).toEqual([
      [1, 1],
      [2, 1],
      [2, 1],
      [3, 2],
    ]);
    expect(denoiser.stats).toEqual({ fullCalls: 3, cachedCalls: 4 });
    expect([0, 1, 2, 3].map((call) => denoiser.kindOf(call))).toEqual(['full', 'cached', 'full', 'cached']);
  });

  it('feeds the newest refresh alone with one anchor', async () => {
    const { full, cached } = fakeGraphs(1);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 1], anchors: 1 });
    for (let call = 0; call < 3; call++) await denoiser.predict(callOf(call));
    expect(Object.keys(cached.runs[0]!)).toEqual(['sample', 'cached_features']);
    expect(await fed(cached.runs[0]!)).toEqual([2, undefined]);
  });

  it('gives the conditional half of what both halves cached to a call of that half alone', async () => {
    const full = fakeSession([SAMPLE], ['out_sample', 'cached_features'], (_, run) => ({
      out_sample: floats([2, 1, 1, 1], 0, 0),
      cached_features: deviceTensor(floats([2, 1], 10 + run, 20 + run)),
    }));
    const cached = fakeSession([SAMPLE, FEATURES, PREVIOUS], ['out_sample'], () => ({
      out_sample: floats([1, 1, 1, 1], 0),
    }));
    const denoiser = cachedDenoiser({ full, cached, ...FORECAST });
    const both = floats([2, 1, 1, 1], 0, 0);
    await denoiser.predict({ ...callOf(0), sample: both });
    await denoiser.predict({ ...callOf(1), half: 'conditional' });
    await denoiser.predict({ ...callOf(2), sample: both });
    await denoiser.predict({ ...callOf(3), half: 'conditional' });
    expect(cached.runs.map((feeds) => [feeds[FEATURES.name], feeds[PREVIOUS.name]])).toEqual([
      [floats([1, 1], 20), floats([1, 1], 20)],
      [floats([1, 1], 21), floats([1, 1], 20)],
    ]);
    expect([0, 1, 2, 3].map((call) => denoiser.conditionalAlone!(call))).toEqual([false, true, false, true]);
    expect(cachedDenoiser({ full, cached, refreshCalls: [0], anchors: 2 }).conditionalAlone).toBeUndefined();
  });

  it('takes the features of a refresh of the conditional half alone as they are, beside those of both halves', async () => {
    const full = fakeSession([SAMPLE], ['out_sample', 'cached_features'], ({ sample }, run) => {
      const batch = sample!.dims[0]!;
      const values = batch === 2 ? [10 + run, 20 + run] : [20 + run];
      return {
        out_sample: floats([batch, 1, 1, 1], ...values),
        cached_features: deviceTensor(floats([batch, 1], ...values)),
      };
    });
    const cached = fakeSession([SAMPLE, FEATURES, PREVIOUS], ['out_sample'], () => ({
      out_sample: floats([1, 1, 1, 1], 0),
    }));
    const schedule = { refreshCalls: [0, 1, 3, 5], conditionalRefreshes: [1, 3] };
    const denoiser = cachedDenoiser({ full, cached, ...schedule, anchors: 2, guidance: 'forecast' });
    const both = floats([2, 1, 1, 1], 0, 0);
    for (let call = 0; call < 7; call++) {
      const alone = denoiser.conditionalAlone!(call);
      expect(alone, `call ${call}`).toBe(![0, 5].includes(call));
      await denoiser.predict(
        alone ? { ...callOf(call), half: 'conditional' } : { ...callOf(call), sample: both },
      );
    }
    expect(denoiser.stats).toEqual({ fullCalls: 4, cachedCalls: 3 });
    const values = cached.runs.map((feeds) => [feeds[FEATURES.name], feeds[PREVIOUS.name]]);
    const numbers = await Promise.all(
      values.flat().map(async (value) => (isDeviceTensor(value!) ? await value.read() : value!)),
    );
    expect(numbers.map(({ dims, data }) => [dims[0], data[0]])).toEqual([
      [1, 21],
      [1, 20],
      [1, 22],
      [1, 21],
      [1, 23],
      [1, 22],
    ]);
  });

  it.each([
    [[0], 'forecast'],
    [[3], 'forecast'],
    [[2], 'computed'],
  ] as const)('refuses %j as refreshes of one half, with guidance %s', (conditionalRefreshes, guidance) => {
    const { full, cached } = fakeGraphs(2);
    const options = {
      full,
      cached,
      refreshCalls: [0, 2],
      anchors: 2 as const,
      conditionalRefreshes,
      guidance,
    };
    expect(() => cachedDenoiser(options)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('tells what was fitted for its calls; for other timesteps the reach of the nearest call, and no smoothing', () => {
    const { full, cached } = fakeGraphs(2);
    const denoiser = cachedDenoiser({
      full,
      cached,
      ...FORECAST,
      calibratedTimesteps: [900, 700, 500, 300],
      guidanceExtrapolation: [0, 0.1, 0, 0.3],
      smoothing: [0, 0.4, 0.5, 0.6],
    });
    const same = denoiser.forTimesteps!([901, 701, 501, 301]);
    expect([0, 1, 2, 3].map((call) => same.guidanceExtrapolation!(call))).toEqual([0, 0.1, 0, 0.3]);
    expect([0, 1, 2, 3].map((call) => same.smoothing!(call))).toEqual([0, 0.4, 0.5, 0.6]);
    const fewer = denoiser.forTimesteps!([900, 300]);
    expect([0, 1].map((call) => fewer.guidanceExtrapolation!(call))).toEqual([0, 0.3]);
    expect(fewer.smoothing).toBeUndefined();
  });

  it('returns what the graph that ran predicts', async () => {
    const { full, cached } = fakeGraphs(1);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 2], anchors: 1 });
    const outputs = [];
    for (let call = 0; call < 4; call++) outputs.push((await denoiser.predict(callOf(call))).data[0]);
    expect(outputs).toEqual([100, 0, 101, 1]);
  });

  it('frees features once two newer ones are there, and all of them at reset and dispose', async () => {
    const { full, cached, features } = fakeGraphs(2);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 1, 2], anchors: 2 });
    const freed = () => features.map((feature) => feature.disposed);
    for (let call = 0; call < 3; call++) await denoiser.predict(callOf(call));
    expect(freed()).toEqual([true, false, false]);
    denoiser.reset();
    expect(freed()).toEqual([true, true, true]);
    await denoiser.predict(callOf(0));
    await denoiser.dispose();
    expect(freed()).toEqual([true, true, true, true]);
    expect([full.disposed, cached.disposed]).toEqual([true, true]);
  });

  it('forgets the features of the image before at reset', async () => {
    const { full, cached } = fakeGraphs(2);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 2], anchors: 2 });
    for (let call = 0; call < 4; call++) await denoiser.predict(callOf(call));
    denoiser.reset();
    await expect(denoiser.predict(callOf(1))).rejects.toThrow('call 1 reuses features, but none are cached');
    await denoiser.predict(callOf(0));
    await denoiser.predict(callOf(1));
    expect(await fed(cached.runs.at(-1)!)).toEqual([3, 3]);
  });

  it('keeps the features of interleaved streams apart', async () => {
    const { full, cached } = fakeGraphs(2);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 1], anchors: 2 });
    for (let call = 0; call < 3; call++) {
      await denoiser.predict(callOf(call, 0));
      await denoiser.predict(callOf(call, 1));
    }
    expect(await Promise.all(cached.runs.map(fed))).toEqual([
      [3, 1],
      [4, 2],
    ]);
  });

  it('refuses another batch than the one whose features are cached', async () => {
    const { full, cached } = fakeGraphs(1);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0], anchors: 1 });
    await denoiser.predict(callOf(0));
    const sample = floats([2, 1, 1, 1], 0, 0);
    await expect(denoiser.predict({ ...callOf(1), sample })).rejects.toThrow('expected 1, got 2');
  });

  it('serves a run of other calls by the nearest calibrated ones, from the same sessions and features', async () => {
    const indexed = [SAMPLE, input('timestep', 'int64', []), input('call_index', 'int64', [])];
    const full = fakeSession(indexed, ['out_sample', 'cached_features'], (_, run) => ({
      out_sample: floats([1, 1, 1, 1], 0),
      cached_features: deviceTensor(floats([1, 1], run + 1)),
    }));
    const cached = fakeSession([...indexed, FEATURES, PREVIOUS], ['out_sample'], () => ({
      out_sample: floats([1, 1, 1, 1], 0),
    }));
    const calibratedTimesteps = [90, 70, 50, 30, 10];
    const denoiser = cachedDenoiser({
      full,
      cached,
      refreshCalls: [0, 1, 3],
      calibratedTimesteps,
      anchors: 2,
      guidance: 'forecast',
    });
    const sampled = async (timesteps: readonly number[]) => {
      const serving = denoiser.forTimesteps!(timesteps);
      const before = [full.runs.length, cached.runs.length];
      serving.reset();
      for (const [call, timestep] of timesteps.entries())
        await serving.predict({ ...callOf(call), timestep });
      const fedTo = (runs: readonly Feeds[]) =>
        runs.map(({ timestep, call_index }) => [timestep, call_index].map((each) => Number(dataOf(each)[0])));
      return {
        full: fedTo(full.runs.slice(before[0])),
        cached: fedTo(cached.runs.slice(before[1])),
        kinds: timesteps.map((_, call) => serving.kindOf(call)),
        alone: timesteps.map((_, call) => serving.conditionalAlone!(call)),
      };
    };
    // Half as many: the refresh between both calls is made at the second one.
    expect(await sampled([85, 45])).toEqual({
      full: [
        [85, 0],
        [45, 2],
      ],
      cached: [],
      kinds: ['full', 'full'],
      alone: [false, false],
    });
    // More of them: only the first call of a refresh refreshes.
    expect(await sampled([92, 88, 68, 52, 48, 29, 9])).toEqual({
      full: [
        [92, 0],
        [68, 1],
        [29, 3],
      ],
      cached: [
        [88, 0],
        [52, 2],
        [48, 2],
        [9, 4],
      ],
      kinds: ['full', 'cached', 'full', 'cached', 'cached', 'full', 'cached'],
      alone: [false, true, false, true, true, false, true],
    });
    const own = await sampled(calibratedTimesteps);
    expect(own.full).toEqual([
      [90, 0],
      [70, 1],
      [30, 3],
    ]);
    expect(own.kinds).toEqual(calibratedTimesteps.map((_, call) => denoiser.kindOf(call)));
    expect(denoiser.stats).toEqual({ fullCalls: 8, cachedCalls: 6 });
    expect(denoiser.forTimesteps!([1]).stats).toEqual(denoiser.stats);
  });

  it('serves as many calls as there are tables for, where their timesteps were not given', () => {
    const { full, cached } = fakeGraphs(1);
    const denoiser = cachedDenoiser({ full, cached, refreshCalls: [0, 2], anchors: 1 });
    expect(denoiser.forTimesteps!([9, 8, 7])).toBe(denoiser);
  });

  it('refreshes with the first call of a run that begins in the middle, and after it as planned', async () => {
    const { full, cached } = fakeGraphs(2);
    const timesteps = [90, 70, 50, 30, 10];
    const options = { full, cached, refreshCalls: [0, 1, 3], anchors: 2 } as const;
    for (const calibratedTimesteps of [undefined, timesteps]) {
      const denoiser = cachedDenoiser({ ...options, calibratedTimesteps }).forTimesteps!(timesteps, 2);
      denoiser.reset();
      for (const call of [2, 3, 4]) await denoiser.predict(callOf(call));
      expect([2, 3, 4].map((call) => denoiser.kindOf(call))).toEqual(['full', 'full', 'cached']);
    }
    expect(await Promise.all(cached.runs.map(fed))).toEqual([
      [2, 1],
      [4, 3],
    ]);
    // In other steps, too.
    const other = cachedDenoiser({ ...options, calibratedTimesteps: timesteps }).forTimesteps!(
      [92, 88, 68, 52, 48, 29, 9],
      4,
    );
    expect([4, 5, 6].map((call) => other.kindOf(call))).toEqual(['full', 'full', 'cached']);
  });

  it.each([[[]], [[1, 2]], [[0, 2, 2]], [[0, 1.5]]])('refuses the schedule %j', (refreshCalls) => {
    const { full, cached } = fakeGraphs(1);
    expect(() => cachedDenoiser({ full, cached, refreshCalls, anchors: 1 })).toThrow('not a schedule');
  });

  it('refuses graphs between which no features pass', () => {
    const { full, cached } = fakeGraphs(1);
    const options = { full, cached, refreshCalls: [0], anchors: 2 } as const;
    expect(() => cachedDenoiser(options)).toThrow('got no cached_features_previous');
  });
});
