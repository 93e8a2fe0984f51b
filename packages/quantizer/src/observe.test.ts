import { makeNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { MersenneTwister, type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, normal, run } from './__fixtures__/models.js';
import { shapesFor } from './__fixtures__/quantize.js';
import { addObservers, OBSERVATIONS_OUTPUT } from './observe.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const model = buildModel([makeNode('Mul', ['x', 'x'], ['square']), makeNode('Tanh', ['square'], ['y'])], {
  inputs: { x: ['batch', 3, 7] },
  constants: {},
  outputs: ['y'],
});
const feeds = { x: normal([2, 3, 7], 1) };

function observed(seed: number, samplesPerCall = 16) {
  const generator = new MersenneTwister(seed);
  return addObservers(model, ['x', 'square'], {
    samplesPerCall,
    random: () => generator.nextUint32() / 2 ** 32,
    shapes: shapesFor(model, feeds),
  });
}

describe('addObservers', () => {
  test('reports the exact range of each tensor and elements of it', async () => {
    const { y, [OBSERVATIONS_OUTPUT]: observation } = await run(runtime, observed(1), feeds);
    expect(observation!.dims).toEqual([2 * (2 + 16)]);
    const values = [feeds.x.data, feeds.x.data.map((value) => Math.fround(value * value))];
    for (const [site, data] of values.entries()) {
      const [min, max, ...sample] = observation!.data.subarray(site * 18, (site + 1) * 18);
      expect([min, max]).toEqual([Math.min(...data), Math.max(...data)]);
      expect(sample.every((value) => data.includes(value))).toBe(true);
      expect(new Set(sample).size).toBeGreaterThan(8);
    }
    expect(y).toEqual((await run(runtime, model, feeds)).y);
  });

  test('takes the same positions for the same random numbers, and others for others', async () => {
    const of = async (seed: number) => (await run(runtime, observed(seed), feeds))[OBSERVATIONS_OUTPUT]!.data;
    expect(await of(1)).toEqual(await of(1));
    expect(await of(2)).not.toEqual(await of(1));
  });

  test('reports ranges alone when no samples are wanted', async () => {
    const { [OBSERVATIONS_OUTPUT]: observation } = await run(runtime, observed(1, 0), feeds);
    expect(observation!.data[0]).toBe(Math.min(...feeds.x.data));
    expect(observation!.dims).toEqual([4]);
  });

  test('lets NaN through', async () => {
    const x = tensor('float32', [2, 3, 7], new Float32Array(42).fill(Number.NaN));
    const { [OBSERVATIONS_OUTPUT]: observation } = await run(runtime, observed(1), { x });
    expect(observation!.data.some(Number.isNaN)).toBe(true);
  });

  test('leaves the model as it was', () => {
    observed(1);
    expect([model.graph.nodes.length, model.graph.outputs.length, model.graph.initializers.size]).toEqual([
      2, 1, 0,
    ]);
  });

  test.each([
    ['an open shape', ['x'], new Map([['x', { dtype: 'float32', dims: ['batch', 3] }]])],
    ['an unknown tensor', ['nowhere'], new Map()],
    ['no tensors', [], new Map()],
  ] as const)('refuses %s', (_, sites, shapes) => {
    const options = { samplesPerCall: 1, random: () => 0, shapes: shapes as never };
    expect(() => addObservers(model, sites, options)).toThrowError(
      expect.objectContaining({ code: 'calibration' }),
    );
  });
});
