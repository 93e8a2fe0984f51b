import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyCut,
  createWeightFile,
  findCuts,
  freezeShapes,
  inferShapes,
  type OnnxModel,
  readWeightBytes,
  writeModel,
} from '@cachequant/onnx';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Runtime, type Tensor, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callIndex, loadModel, normal, run, signalToNoise } from './__fixtures__/models.js';
import { observeGrids, pack, shapesFor } from './__fixtures__/quantize.js';
import type { ActivationGridTable } from './activation-statistics.js';
import { detachBiases } from './detach-biases.js';
import { toIntegerGraph } from './integer-graph.js';
import { findLayers, type Layer } from './layers.js';
import type { PackedWeight } from './packed-weight.js';

const inputDims = { sample: [1, 4, 16, 16], timestep: [], encoder_hidden_states: [1, 16, 64] };
const CALLS = 2;

/** Two calls: an early one and a late one. */
const feedsByCall = Array.from({ length: CALLS }, (_, call) => ({
  sample: normal(inputDims.sample, call + 1, { deviation: call === 0 ? 1 : 0.6 }),
  timestep: tensor('int64', [], BigInt64Array.of(call === 0 ? 901n : 101n)),
  encoder_hidden_states: normal(inputDims.encoder_hidden_states, 9),
  call_index: callIndex(call),
}));

/** The first and the last convolution stay in float. */
const isInner = (layer: Layer) => layer.input !== 'sample' && layer.output !== 'out_sample';

let runtime: Runtime;
let full: OnnxModel;
let cached: OnnxModel;
let cacheName: string;
let packed: Map<string, PackedWeight>;
const references: Record<string, Tensor<'float32'>>[] = [];
const results: Record<string, Tensor<'float32'>>[] = [];
let integerFull: OnnxModel;

function integerForm(
  model: OnnxModel,
  grids: ActivationGridTable,
  feeds: (typeof feedsByCall)[0],
): OnnxModel {
  const shapes = shapesFor(model, feeds);
  return toIntegerGraph(model, { compute: packed, store: new Map(), grids, corrections: new Map(), shapes });
}

beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  const model = freezeShapes(loadModel('fashion-sd/unet'), inputDims);
  const cut = applyCut(model, findCuts(model, { inputDims })[0]!);
  cacheName = cut.cacheName;
  const shapes = inferShapes(cut.full, { inputDims });
  full = detachBiases(cut.full, shapes, isInner);
  cached = detachBiases(cut.cached, shapes, isInner);
  const layers = findLayers(full.graph).filter(isInner);
  packed = await pack(layers);
  integerFull = integerForm(full, await observeGrids(runtime, full, layers, feedsByCall), feedsByCall[0]!);
  for (const feeds of feedsByCall) {
    references.push(await run(runtime, full, feeds));
    results.push(await run(runtime, integerFull, feeds));
  }
}, 60_000);
afterAll(() => runtime.dispose());

describe('the U-Net of fashion-sd as integers', () => {
  test('has every layer but the first and the last in integers', () => {
    const types = integerFull.graph.nodes.map(({ opType }) => opType);
    expect(types.filter((type) => type === 'Conv')).toHaveLength(2);
    expect(types).not.toContain('Gemm');
    const integers = integerFull.graph.nodes.filter(({ opType }) =>
      /^QLinearConv$|^MatMulIntegerToFloat$/.test(opType),
    );
    const layers = new Set(integers.map(({ name }) => name.replace(/\/integer.*$/, '')));
    expect(layers.size).toBe(packed.size);
    expect(packed.size).toBeGreaterThan(100);
  });

  test('gives noise and cached features close to float, at every call', () => {
    for (const call of [0, 1]) {
      for (const name of ['out_sample', cacheName]) {
        const quality = signalToNoise(references[call]![name]!.data, results[call]![name]!.data);
        // Measured: 34 to 40 dB with 7-bit weights. A layer with a wrong scale or bias leaves less than 15.
        expect(quality).toBeGreaterThan(25);
      }
    }
  });

  test('is loaded with its weights in a file of their own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'integer-graph-'));
    try {
      const storage = nodeStorage(folder);
      const weightFile = await createWeightFile(storage, 'weights.bin', { location: 'weights.bin' });
      await writeModel(storage, 'model.onnx', integerFull, { weightFile });
      await weightFile.commit();
      const session = await runtime.load({ path: join(folder, 'model.onnx') });
      const outputs = await session.run(feedsByCall[0]!);
      const noise = outputs.out_sample as Tensor<'float32'>;
      expect(signalToNoise(results[0]!.out_sample!.data, noise.data)).toBeGreaterThan(100);
      await session.dispose();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('has its weights in a quarter of the bytes', async () => {
    const bytes = async (model: OnnxModel) => {
      const sizes = [...model.graph.initializers.values()].map(
        async (weight) => (await readWeightBytes(weight)).byteLength,
      );
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    };
    // Scales, biases and the two layers in float come on top of a quarter.
    expect((await bytes(integerFull)) / (await bytes(full))).toBeLessThan(0.3);
  });
});

describe('Scales of the cached graph come from corrected anchors', () => {
  /** What a correction makes of the cached tensor: the layers behind see another range than in the full graph. */
  const corrected = (features: Tensor<'float32'>) =>
    tensor(
      'float32',
      features.dims,
      features.data.map((value) => 3 * value + 8),
    );

  async function qualityWith(observed: (features: Tensor<'float32'>) => Tensor<'float32'>): Promise<number> {
    const layers = findLayers(cached.graph).filter(isInner);
    const feedsWith = (change: typeof observed) =>
      feedsByCall.map((feeds, call) => ({ ...feeds, [cacheName]: change(references[call]![cacheName]!) }));
    const grids = await observeGrids(runtime, cached, layers, feedsWith(observed));
    const integer = integerForm(cached, grids, feedsWith(observed)[0]!);
    const qualities: number[] = [];
    for (const feeds of feedsWith(corrected)) {
      const expected = (await run(runtime, cached, feeds)).out_sample!;
      const actual = (await run(runtime, integer, feeds)).out_sample!;
      qualities.push(signalToNoise(expected.data, actual.data));
    }
    return Math.min(...qualities);
  }

  test('grids of the corrected tensor serve it, grids of the full graph do not', async () => {
    const own = await qualityWith(corrected);
    const foreign = await qualityWith((features) => features);
    // Measured: 38 dB against 6.
    expect(own).toBeGreaterThan(25);
    expect(own).toBeGreaterThan(foreign + 10);
  });

  test('both graphs use the same integers', async () => {
    const layers = findLayers(cached.graph).filter(isInner);
    expect(layers.length).toBeGreaterThan(10);
    const feeds = { ...feedsByCall[0]!, [cacheName]: references[0]![cacheName]! };
    const grids = await observeGrids(runtime, cached, layers, [feeds, feeds]);
    const { initializers } = integerForm(cached, grids, feeds).graph;
    for (const { id } of layers) {
      const { name, data } = packed.get(id)!.integers;
      expect(initializers.get(name)?.data).toBe(data);
      expect(integerFull.graph.initializers.get(name)?.data).toBe(data);
    }
  });
});
