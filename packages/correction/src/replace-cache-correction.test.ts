import { encodeModel, makeNode, type OnnxModel } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { type CacheCoefficients, foldCacheCorrection } from './fold-cache-correction.js';
import {
  type CacheCorrectionColumn,
  cacheCorrectionColumns,
  replaceCacheCorrection,
} from './replace-cache-correction.js';

const CALLS = 4;
const CHANNELS = 3;
const OPTIONS = { cacheInput: 'cache', previousInput: 'previous', channelAxis: 1 };

function cachedGraph(): OnnxModel {
  return {
    irVersion: 8,
    opsetImports: new Map([['', 17]]),
    producerName: 'test',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'test',
      nodes: [makeNode('Tanh', ['cache'], ['y'])],
      inputs: [{ name: 'cache', dtype: 'float32', elementType: 1, dims: [1, CHANNELS, 2, 4] }],
      outputs: [{ name: 'y', dtype: 'float32', elementType: 1, dims: undefined }],
      valueInfo: new Map(),
      initializers: new Map(),
    },
  };
}

const table = (valueAt: (i: number) => number) =>
  Float32Array.from({ length: CALLS * CHANNELS }, (_, i) => valueAt(i));
const NEUTRAL = {
  calls: CALLS,
  channels: CHANNELS,
  a0: table(() => 1),
  a1: table(() => 0),
  b: table(() => 0),
};
const some = (shift: number): CacheCoefficients => ({
  ...NEUTRAL,
  a0: table((i) => 0.5 + 0.3 * Math.sin(i + shift)),
  a1: table((i) => 0.4 * Math.cos(2 * i + shift)),
  b: table((i) => Math.sin(3 * i + shift)),
});
const fold = (coefficients: CacheCoefficients) => foldCacheCorrection(cachedGraph(), coefficients, OPTIONS);

/** Every set of coefficients that can be there without the others. */
const SUBSETS: readonly { readonly names: readonly CacheCorrectionColumn[] }[] = [
  { names: ['a0'] },
  { names: ['b'] },
  { names: ['a1'] },
  { names: ['a0', 'a1'] },
  { names: ['a0', 'b'] },
  { names: ['a1', 'b'] },
  { names: ['a0', 'a1', 'b'] },
];

function only(names: readonly (keyof CacheCoefficients)[], shift: number): CacheCoefficients {
  return { ...NEUTRAL, ...Object.fromEntries(names.map((name) => [name, some(shift)[name]])) };
}

describe('cacheCorrectionColumns(model)', () => {
  test.each(SUBSETS)('names the coefficients that were folded in: $names', ({ names }) => {
    expect(cacheCorrectionColumns(fold(only(names, 0)))).toEqual(names);
  });

  test('names none where nothing was folded in', () => {
    expect(cacheCorrectionColumns(fold(NEUTRAL))).toEqual([]);
  });
});

describe('replaceCacheCorrection(model, coefficients)', () => {
  test.each(SUBSETS)('makes the graph that folding the others makes: $names', async ({ names }) => {
    const replaced = await replaceCacheCorrection(fold(only(names, 0)), only(names, 1));
    expect(await encodeModel(replaced)).toEqual(await encodeModel(fold(only(names, 1))));
  });

  test('takes what needs fewer columns', async () => {
    const replaced = await replaceCacheCorrection(fold(some(0)), only(['b'], 1));
    expect(cacheCorrectionColumns(replaced)).toEqual(['a0', 'a1', 'b']);
  });

  test('leaves the given model as it is', async () => {
    const model = fold(some(0));
    const before = await encodeModel(model);
    await replaceCacheCorrection(model, some(1));
    expect(await encodeModel(model)).toEqual(before);
  });

  test.each([
    [['a0', 'b'], ['a0', 'a1', 'b'], 'a1'],
    [[], ['b'], 'b'],
  ] as const)('refuses columns that the graph lacks: %s, given %s', async (folded, given, missing) => {
    const failure = await replaceCacheCorrection(fold(only(folded, 0)), only(given, 1)).catch((e) => e);
    expect(failure).toBeInstanceOf(CacheQuantError);
    expect([failure.code, failure.message]).toEqual([
      'unsupported',
      expect.stringContaining(`got ${missing}`),
    ]);
  });

  test('refuses coefficients of another number of calls', async () => {
    const other = {
      calls: 2,
      channels: CHANNELS,
      a0: some(1).a0.slice(6),
      a1: some(1).a1.slice(6),
      b: some(1).b.slice(6),
    };
    await expect(replaceCacheCorrection(fold(some(0)), other)).rejects.toThrow(/of another model/);
  });
});
