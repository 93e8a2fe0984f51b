import { inferShapes, makeNode, type OnnxModel, toHalfPrecision } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, loadModel, normal, run, signalToNoise } from './__fixtures__/models.js';
import { pack } from './__fixtures__/quantize.js';
import { toFloatGraph } from './float-graph.js';
import { findLayers } from './layers.js';
import type { PackedWeight } from './packed-weight.js';
import type { WeightBits } from './weight-quantization.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

async function overIntegers(model: OnnxModel, bits: WeightBits, purpose: 'compute' | 'storage') {
  const packed = await pack(findLayers(model.graph), { bits, purpose });
  const nothing: ReadonlyMap<string, PackedWeight> = new Map();
  return toFloatGraph(model, {
    compute: purpose === 'compute' ? packed : nothing,
    store: purpose === 'compute' ? nothing : packed,
  });
}

describe('toFloatGraph', () => {
  test.each([
    ['MatMul', [4, 4], {}],
    ['Gemm', [4, 4], { transB: 1 }],
    ['Gemm', [4, 4], {}],
    ['Conv', [3, 4, 1, 1], {}],
    ['Conv', [3, 4, 3, 3], { pads: [1, 1, 1, 1] }],
  ] as const)(
    '%s %j %j gives the same from either layout of its integers',
    async (type, dims, attributes) => {
      const x = type === 'Conv' ? [1, 4, 5, 5] : [6, 4];
      const model = buildModel([makeNode(type, ['x', 'w'], ['y'], attributes)], {
        inputs: { x },
        constants: { w: normal(dims, 1) },
        outputs: ['y'],
      });
      const feeds = { x: normal(x, 2) };
      const { y: expected } = await run(runtime, model, feeds);
      const { y: computed } = await run(runtime, await overIntegers(model, 8, 'compute'), feeds);
      const { y: stored } = await run(runtime, await overIntegers(model, 8, 'storage'), feeds);
      expect(computed!.data).toEqual(stored!.data);
      expect(signalToNoise(expected!.data, computed!.data)).toBeGreaterThan(35);
      const { y: four } = await run(runtime, await overIntegers(model, 4, 'compute'), feeds);
      expect(signalToNoise(expected!.data, four!.data)).toBeGreaterThan(8);
    },
  );

  test('a U-Net keeps to its float self, in float16 too', async () => {
    const model = loadModel('fashion-sd/unet');
    const feeds = {
      sample: normal([1, 4, 8, 8], 1),
      timestep: tensor('int64', [], BigInt64Array.of(901n)),
      encoder_hidden_states: normal([1, 4, 64], 2),
    };
    const { out_sample: expected } = await run(runtime, model, feeds);
    const inputDims = Object.fromEntries(Object.entries(feeds).map(([name, { dims }]) => [name, dims]));
    const float = await overIntegers(model, 7, 'compute');
    const half = toHalfPrecision(float, inferShapes(float, { inputDims }));
    const quality: number[] = [];
    for (const graph of [float, half]) {
      quality.push(signalToNoise(expected!.data, (await run(runtime, graph, feeds)).out_sample!.data));
    }
    expect(quality[0]).toBeGreaterThan(25);
    expect(quality[1]).toBeGreaterThan(25);
  });
});
