import { CALL_INDEX_INPUT, encodeModel, makeNode, type OnnxModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { elementCount, type Runtime, type Tensor, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CacheCoefficients, foldCacheCorrection } from './fold-cache-correction.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const CALLS = 4;
const CHANNELS = 3;

/** y = tanh(cache) + cache: the cached tensor is read twice. */
function cachedGraph(dims: readonly (number | string)[], opset = 17): OnnxModel {
  return {
    irVersion: 8,
    opsetImports: new Map([['', opset]]),
    producerName: 'test',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'test',
      nodes: [makeNode('Tanh', ['cache'], ['t']), makeNode('Add', ['t', 'cache'], ['y'])],
      inputs: [{ name: 'cache', dtype: 'float32', elementType: 1, dims: [...dims] }],
      outputs: [{ name: 'y', dtype: 'float32', elementType: 1, dims: undefined }],
      valueInfo: new Map(),
      initializers: new Map(),
    },
  };
}

const table = (valueAt: (i: number) => number) =>
  Float32Array.from({ length: CALLS * CHANNELS }, (_, i) => valueAt(i));
const neutral: CacheCoefficients = {
  calls: CALLS,
  channels: CHANNELS,
  a0: table(() => 1),
  a1: table(() => 0),
  b: table(() => 0),
};
const a0 = table((i) => 0.5 + 0.3 * Math.sin(i));
const a1 = table((i) => 0.4 * Math.cos(2 * i));
const b = table((i) => Math.sin(3 * i));

const options = { cacheInput: 'cache', previousInput: 'previous', channelAxis: 1 };
const LAYOUTS = [
  { name: '[B, C, H, W]', declared: ['batch', CHANNELS, 2, 4], dims: [2, CHANNELS, 2, 4], channelAxis: 1 },
  { name: '[B, L, C]', declared: ['batch', 'length', CHANNELS], dims: [2, 5, CHANNELS], channelAxis: 2 },
] as const;

function features(dims: readonly number[], seed: number): Tensor<'float32'> {
  return tensor(
    'float32',
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(7 * i + seed)),
  );
}

async function run(model: OnnxModel, feeds: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
  const session = await runtime.load({ bytes: encodeModel(model) });
  const used = session.inputs.map(({ name }) => [name, feeds[name]!] as const);
  const { y } = await session.run(Object.fromEntries(used));
  await session.dispose();
  return (y as Tensor<'float32'>).data;
}

describe.each(LAYOUTS)('foldCacheCorrection of $name', ({ declared, dims, channelAxis }) => {
  const newest = features(dims, 1);
  const previous = features(dims, 2);
  const inner = elementCount(dims.slice(channelAxis + 1));

  test.each([
    ['a scale', { a0 }],
    ['a shift', { b }],
    ['a scale and a shift', { a0, b }],
    ['a second anchor', { a1 }],
    ['everything', { a0, a1, b }],
  ])('with %s gives what the formula says at every call', async (_, given) => {
    const coefficients = { ...neutral, ...given };
    const model = foldCacheCorrection(cachedGraph(declared), coefficients, { ...options, channelAxis });
    const inputs = model.graph.inputs.map(({ name }) => name);
    expect(inputs.includes('previous')).toBe('a1' in given);
    for (let call = 0; call < CALLS; call++) {
      const y = await run(model, {
        cache: newest,
        previous,
        [CALL_INDEX_INPUT]: tensor('int64', [], BigInt64Array.of(BigInt(call))),
      });
      const expected = newest.data.map((value, i) => {
        const at = call * CHANNELS + (Math.floor(i / inner) % CHANNELS);
        const x =
          coefficients.a0[at]! * value + coefficients.a1[at]! * previous.data[i]! + coefficients.b[at]!;
        return Math.tanh(x) + x;
      });
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0);
      expect(worst).toBeLessThan(1e-5);
    }
  });

  test('with neutral coefficients leaves the graph as it is', () => {
    const graph = cachedGraph(declared);
    expect(foldCacheCorrection(graph, neutral, { ...options, channelAxis })).toEqual(graph);
  });

  test('with the paper’s form adds one Mul and one Add on the cached tensor, and no input but the call', () => {
    const { graph } = foldCacheCorrection(
      cachedGraph(declared),
      { ...neutral, a0, b },
      { ...options, channelAxis },
    );
    expect(graph.nodes.filter(({ opType }) => opType === 'Mul')).toHaveLength(1);
    expect(graph.nodes.filter(({ opType }) => opType === 'Add')).toHaveLength(2);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['cache', CALL_INDEX_INPUT]);
  });
});

test('foldCacheCorrection leaves its argument as it was', () => {
  const graph = cachedGraph([1, CHANNELS, 2, 4]);
  foldCacheCorrection(graph, { ...neutral, a0, a1, b }, options);
  expect(graph).toEqual(cachedGraph([1, CHANNELS, 2, 4]));
});

describe('foldCacheCorrection refuses', () => {
  const graph = cachedGraph([1, CHANNELS, 2, 4]);
  const given = { ...neutral, a0, a1, b };
  test.each([
    ['an input that is not there', graph, given, { cacheInput: 'nothing' }, 'invalid-argument'],
    ['a second input of a name that is taken', graph, given, { previousInput: 'cache' }, 'invalid-argument'],
    ['an axis of another size', graph, given, { channelAxis: 2 }, 'shape'],
    ['an axis that is not there', graph, given, { channelAxis: 4 }, 'shape'],
    ['tables of another size', graph, { ...given, b: b.subarray(1) }, {}, 'shape'],
    ['NaN', graph, { ...given, a1: a1.map((value, i) => (i === 5 ? Number.NaN : value)) }, {}, 'calibration'],
    ['a graph below opset 13', cachedGraph([1, CHANNELS, 2, 4], 12), given, {}, 'unsupported'],
  ])('%s', (_, model, coefficients, changed, code) => {
    expect(() => foldCacheCorrection(model, coefficients, { ...options, ...changed })).toThrowError(
      expect.objectContaining({ code }),
    );
  });
});
