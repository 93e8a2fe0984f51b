import { describe, expect, it } from 'vitest';
import { keepForQuality } from './keep-for-quality.js';
import { layerNoises } from './layer-noises.js';
import { pictureShares } from './picture-shares.js';
import { SignalToNoise } from './signal-to-noise.js';
import { slowerLayers } from './slower-layers.js';

describe('slowerLayers', () => {
  it('are those that take longer in integers by more than a tenth and five microseconds', () => {
    const times = {
      faster: { floatMs: 1, integerMs: 0.4 },
      'as fast': { floatMs: 1, integerMs: 1.09 },
      slower: { floatMs: 1, integerMs: 1.2 },
      'slower by nothing that a profile shows': { floatMs: 0.01, integerMs: 0.0145 },
    };
    expect(slowerLayers(times)).toEqual(['slower']);
  });
});

/** Layers that each add noise of their own to a prediction of power 1. */
const decibelsOf = (noise: Readonly<Record<string, number>>, ids: readonly string[]) =>
  -10 * Math.log10(ids.reduce((sum, id) => sum + noise[id]!, 0));

describe('keepForQuality', () => {
  const network = (noise: Readonly<Record<string, number>>, cost: Readonly<Record<string, number>> = {}) => {
    const ids = Object.keys(noise);
    const measured: string[][] = [];
    return {
      groups: ids.map((id) => ({ ids: [id], noise: noise[id]! })),
      costOf: ({ ids: [id] }: { ids: readonly string[] }) => cost[id!] ?? 0.2,
      base: decibelsOf(noise, ids),
      measure: async (kept: readonly string[]) => {
        measured.push([...kept]);
        return decibelsOf(
          noise,
          ids.filter((id) => !kept.includes(id)),
        );
      },
      measured,
    };
  };

  it('keeps nothing where the floor is reached and no layer gains more than its time', async () => {
    const question = network({ a: 0.001, b: 0.001, c: 0.001 });
    expect(await keepForQuality({ ...question, floor: 20 })).toEqual({ kept: [], networkDb: question.base });
    expect(question.measured).toEqual([]);
  });

  it('keeps a layer whose noise costs more than 0.15 dB for each hundredth of time, and none that costs less', async () => {
    // Either takes a third of the noise: 10 log10((3 + 0.32) / (2 + 0.32)) = 1.56 dB, ten hundredths of time.
    const noise = { a: 0.001, b: 0.001, c: 0.001 };
    const asked = (a: number) => keepForQuality({ ...network(noise, { a, b: 1, c: 1 }), floor: 0 });
    expect((await asked(0.1)).kept).toEqual(['a']);
    expect((await asked(0.11)).kept).toEqual([]);
  });

  it('keeps nothing of a network whose noise is lost in other errors, however cheap', async () => {
    const { kept } = await keepForQuality({ ...network({ a: 1e-7, b: 1e-7 }, { a: 0, b: 0 }), floor: 25 });
    expect(kept).toEqual([]);
  });

  it('keeps what it takes to reach the floor, the most noise for the time first, whatever it costs', async () => {
    const { kept, networkDb } = await keepForQuality({
      ...network({ a: 0.02, b: 0.03, c: 0.004, d: 0.01 }, { a: 2, b: 2, c: 0.1, d: 2 }),
      floor: 18,
    });
    expect(kept).toEqual(['c', 'b', 'a']);
    expect(networkDb).toBeCloseTo(20, 9);
  });

  it('goes on where noises do not add up to what is measured, until the floor is reached', async () => {
    const question = network({ a: 0.02, b: 0.01, c: 0.001 }, { a: 1, b: 1, c: 1 });
    const measure = async (kept: readonly string[]) => (await question.measure(kept)) - 6;
    const { kept } = await keepForQuality({ ...question, measure, floor: 18 });
    expect(kept).toEqual(['a', 'b']);
    expect(question.measured).toEqual([['a'], ['a', 'b']]);
  });

  it('says what was reached where the floor is out of reach', async () => {
    const question = network({ a: 0.01, b: 0.01 });
    const measure = async () => 10;
    expect((await keepForQuality({ ...question, measure, floor: 90 })).networkDb).toBe(10);
  });
});

describe('layerNoises', () => {
  /** Layers of equal noise, but for those planted. */
  const question = (count: number, planted: Readonly<Record<string, number>>) => {
    const noise = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`layer ${i}`, planted[`layer ${i}`] ?? 1e-6]),
    );
    let runs = 0;
    return {
      noise,
      ids: Object.keys(noise),
      base: decibelsOf(noise, Object.keys(noise)),
      measure: async (ids: readonly string[]) => {
        runs++;
        return decibelsOf(noise, ids);
      },
      runs: () => runs,
    };
  };

  it.each([0, 1, 137, 298, 299])('finds one layer of 300, at %d, that adds nearly all noise', async (at) => {
    const asked = question(300, { [`layer ${at}`]: 0.1 });
    const [noisiest] = (await layerNoises(asked)).sort((a, b) => b.noise - a.noise);
    expect(noisiest!.ids).toEqual([`layer ${at}`]);
    expect(noisiest!.noise).toBeCloseTo(0.1, 9);
    expect(asked.runs()).toBeLessThanOrEqual(20);
  });

  it('gives every layer once, and noises that add up, wherever it is stopped', async () => {
    for (const limit of [0, 1, 5, 17, 400]) {
      const asked = question(100, { 'layer 3': 6e-5, 'layer 60': 9e-5, 'layer 61': 1e-5 });
      const groups = await layerNoises({ ...asked, goOn: (measured) => measured < limit });
      expect(groups.flatMap(({ ids }) => ids).sort()).toEqual([...asked.ids].sort());
      const sum = groups.reduce((all, { noise }) => all + noise, 0);
      expect(sum).toBeCloseTo(
        asked.ids.reduce((all, id) => all + asked.noise[id]!, 0),
        9,
      );
    }
  });

  it('does not look into groups that add less than a hundredth', async () => {
    const asked = question(64, { 'layer 5': 1 });
    const groups = await layerNoises(asked);
    expect(groups.filter(({ ids }) => ids.length === 1).map(({ ids }) => ids[0])).toEqual(
      expect.arrayContaining(['layer 5']),
    );
    expect(groups.length).toBeLessThanOrEqual(8);
  });

  it('finds nothing among no layers, and one layer by itself', async () => {
    expect(await layerNoises(question(0, {}))).toEqual([]);
    expect(await layerNoises(question(1, {}))).toEqual([
      { ids: ['layer 0'], noise: expect.closeTo(1e-6, 12) },
    ]);
  });
});

describe('pictureShares', () => {
  const experiment = {
    graph: {
      layerMacs: new Map([
        ['early', 30],
        ['late', 10],
      ]),
    },
    cachedPart: { ids: new Set(['late']), share: 0.25 },
    context: { recipe: { interval: 5 } },
  } as unknown as Parameters<typeof pictureShares>[0];
  const ids = ['early', 'late'];

  it('counts what cached calls compute at every call, beside a whole of one full call and the cached ones', () => {
    const share = pictureShares(experiment, ids, {
      early: { floatMs: 5, integerMs: 3 },
      late: { floatMs: 2, integerMs: 1 },
    });
    expect(share('early')).toBeCloseTo(2 / (4 * 2));
    expect(share('late')).toBeCloseTo(5 / (4 * 2));
  });

  it('takes no layer for more than four times as slow in float, nor for faster', () => {
    const share = pictureShares(experiment, ids, {
      early: { floatMs: 90, integerMs: 3 },
      late: { floatMs: 0.5, integerMs: 1 },
    });
    expect(share('early')).toBeCloseTo(9 / (4 * 2));
    expect(share('late')).toBe(0);
  });

  it('takes multiply-adds, which float doubles, where no times were measured', () => {
    expect(pictureShares(experiment, ids, {})('early')).toBeCloseTo(30 / (40 * 2));
  });
});

describe('SignalToNoise', () => {
  it('is 10 log10 of Σ x² / Σ (x − x̂)² over everything that was added', () => {
    const error = new SignalToNoise();
    error.add(Float32Array.of(3, 4), Float32Array.of(3, 4.5));
    error.add(Float32Array.of(0, 5), Float32Array.of(0, 5));
    expect(error.decibels).toBeCloseTo(10 * Math.log10(50 / 0.25), 5);
  });

  it('is 150 without any noise, and finite without a signal', () => {
    const exact = new SignalToNoise();
    exact.add(Float32Array.of(1), Float32Array.of(1));
    expect(exact.decibels).toBe(150);
    const nothing = new SignalToNoise();
    nothing.add(Float32Array.of(0), Float32Array.of(1));
    expect(nothing.decibels).toBe(-150);
  });
});
