import { describe, expect, it } from 'vitest';
import { dominantLayers } from './dominant-layers.js';
import { keepForQuality } from './keep-for-quality.js';
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

describe('keepForQuality', () => {
  /** A network in which every layer adds noise of its own; the signal is 1. */
  const network = (noise: Readonly<Record<string, number>>) => {
    const decibels = (ids: readonly string[]) =>
      -10 * Math.log10(Object.entries(noise).reduce((sum, [id, n]) => sum + (ids.includes(id) ? 0 : n), 0));
    const measured: string[][] = [];
    return {
      base: decibels([]),
      confirmed: Object.keys(noise).map((id) => ({ id, networkDb: decibels([id]) })),
      measure: async (ids: readonly string[]) => {
        measured.push([...ids]);
        return decibels(ids);
      },
      isSmall: () => false,
      measured,
    };
  };

  it('keeps nothing where the floor is reached already', async () => {
    const question = network({ a: 0.001, b: 0.002 });
    expect(await keepForQuality({ ...question, floor: 20 })).toEqual({ kept: [], networkDb: question.base });
    expect(question.measured).toEqual([]);
  });

  it('keeps the one layer whose noise stands between the network and its floor', async () => {
    const { kept, networkDb } = await keepForQuality({
      ...network({ a: 0.001, planted: 0.1, b: 0.002 }),
      floor: 20,
    });
    expect(kept).toEqual(['planted']);
    expect(networkDb).toBeCloseTo(-10 * Math.log10(0.003), 9);
  });

  it('keeps several, the one with the largest gain first, and no more than it takes', async () => {
    const { kept } = await keepForQuality({ ...network({ a: 0.02, b: 0.03, c: 0.004, d: 0.01 }), floor: 18 });
    expect(kept).toEqual(['b', 'a']);
  });

  it('leaves a layer in integers that adds nothing to those before it', async () => {
    const question = network({ a: 0.03, b: 0.02, c: 0.01 });
    const measure = async (ids: readonly string[]) => question.measure(ids.filter((id) => id !== 'b'));
    const { kept } = await keepForQuality({ ...question, measure, floor: 40 });
    expect(kept).toEqual(['a', 'c']);
  });

  it('keeps a small layer that alone costs a decibel also where the floor is reached', async () => {
    const question = network({ a: 0.002, shortcut: 0.004, b: 0.002, large: 0.004 });
    const isSmall = (id: string) => id !== 'large';
    const { kept, networkDb } = await keepForQuality({ ...question, isSmall, floor: 15 });
    expect(kept).toEqual(['shortcut']);
    expect(networkDb).toBeCloseTo(-10 * Math.log10(0.008), 9);
  });

  it('says what was reached where the floor is out of reach', async () => {
    const { networkDb } = await keepForQuality({
      ...network({ a: 0.01, b: 0.01, elsewhere: 0.1 }),
      confirmed: network({ a: 0.01, b: 0.01, elsewhere: 0.1 }).confirmed.slice(0, 2),
      floor: 90,
    });
    expect(networkDb).toBeCloseTo(10, 1);
  });
});

describe('dominantLayers', () => {
  /** Layers of equal noise, but for those planted. */
  const question = (count: number, planted: Readonly<Record<string, number>>) => {
    const noise = Array.from({ length: count }, (_, i) => planted[`layer ${i}`] ?? 1);
    let runs = 0;
    const decibels = (ids: readonly string[]) =>
      -10 * Math.log10(noise.reduce((sum, n, i) => sum + (ids.includes(`layer ${i}`) ? 0 : n), 0));
    return {
      ids: noise.map((_, i) => `layer ${i}`),
      base: decibels([]),
      measure: async (ids: readonly string[]) => {
        runs++;
        return decibels(ids);
      },
      runs: () => runs,
    };
  };

  it.each([0, 1, 137, 298, 299])(
    'finds one layer of 300, at %d, that costs half of the noise',
    async (at) => {
      const asked = question(300, { [`layer ${at}`]: 299 });
      const found = await dominantLayers(asked);
      expect(found.map(({ id }) => id)).toEqual([`layer ${at}`]);
      expect(found[0]!.networkDb).toBeCloseTo(-10 * Math.log10(299), 9);
      expect(asked.runs()).toBeLessThanOrEqual(20);
    },
  );

  it('finds several, the worst first, and no layer that costs less than a decibel', async () => {
    const asked = question(100, { 'layer 3': 60, 'layer 60': 90, 'layer 61': 10 });
    expect((await dominantLayers(asked)).map(({ id }) => id)).toEqual(['layer 60', 'layer 3']);
  });

  it('finds nothing, soon, where the noise is even', async () => {
    const asked = question(256, {});
    expect(await dominantLayers(asked)).toEqual([]);
    expect(asked.runs()).toBeLessThanOrEqual(14);
  });

  it('finds nothing among one or no layers that are fine, and ends when it is told to', async () => {
    expect(await dominantLayers({ ...question(1, {}), base: -0.5, measure: async () => 0 })).toEqual([]);
    expect(await dominantLayers(question(0, {}))).toEqual([]);
    const asked = question(300, { 'layer 9': 299 });
    expect(await dominantLayers({ ...asked, goOn: (measured) => measured < 4 })).toEqual([]);
    expect(asked.runs()).toBe(4);
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
