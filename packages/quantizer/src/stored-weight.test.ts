import { makeNode, type OnnxModel, readWeight } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, callIndex, normal, run, signalToNoise } from './__fixtures__/models.js';
import { observeGrids, pack, shapesFor } from './__fixtures__/quantize.js';
import { toIntegerGraph } from './integer-graph.js';
import { findLayers } from './layers.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const NO_GRIDS = { calls: 1, sites: [], scales: new Float32Array(0), zeroPoints: new Uint8Array(0) };
const NOTHING = { compute: new Map(), grids: NO_GRIDS, corrections: new Map(), shapes: new Map() };

async function stored(model: OnnxModel): Promise<OnnxModel> {
  const store = await pack(findLayers(model.graph), { bits: 8, purpose: 'storage' });
  return toIntegerGraph(model, { ...NOTHING, store });
}

const constantNode = (name: string, model: OnnxModel) =>
  makeNode('Constant', [], [name], { value: model.graph.initializers.get(name)! });

/** x [1, 5, 4] · w, with the weight as an initializer or from a Constant node. */
function linear(fromNode: boolean): OnnxModel {
  const model = buildModel([makeNode('MatMul', ['x', 'w'], ['y'])], {
    inputs: { x: [1, 5, 4] },
    constants: { w: normal([4, 4], 1) },
    outputs: ['y'],
  });
  if (fromNode) {
    model.graph.nodes.unshift(constantNode('w', model));
    model.graph.initializers.clear();
  }
  return model;
}

describe('a float layer whose weight is stored as integers', () => {
  test.each([
    ['MatMul', 'MatMul', [4, 3], {}, 1],
    ['Gemm with transB', 'Gemm', [3, 4], { transB: 1 }, 0],
    ['1×1 convolution', 'Conv', [3, 4, 1, 1], {}, 0],
    ['3×3 convolution', 'Conv', [3, 4, 3, 3], { pads: [1, 1, 1, 1] }, 0],
  ] as const)(
    '%s: the weight is off by half a scale of its channel at most',
    async (_, type, dims, attributes, axis) => {
      const x = type === 'Conv' ? [1, 4, 5, 5] : [6, 4];
      const model = buildModel([makeNode(type, ['x', 'w'], ['y'], attributes)], {
        inputs: { x },
        constants: { w: normal(dims, 1) },
        outputs: ['y'],
      });
      const [layer] = findLayers(model.graph);
      const packed = (await pack([layer!], { bits: 8, purpose: 'storage' })).get(layer!.id)!;
      const integer = await stored(model);
      // The float weight that the runtime folds, as an output.
      const name = integer.graph.nodes.find(({ opType }) => opType === type)!.inputs[1]!;
      integer.graph.outputs.push({ name, dtype: 'float32', elementType: 1, dims: undefined });
      const results = await run(runtime, integer, { x: normal(x, 2) });
      const original = normal(dims, 1).data;
      const wrong = original.filter((value, i) => {
        const o = axis === 1 ? i % dims[1] : Math.floor(i / (original.length / 3));
        const scale = packed.scales[o]!;
        const clipped = Math.abs(value) > 127.5 * scale;
        return !clipped && Math.abs(value - results[name]!.data[i]!) > 0.500001 * scale;
      });
      expect([...wrong]).toEqual([]);
      expect(integer.graph.initializers.has('w')).toBe(false);
      const expected = (await run(runtime, model, { x: normal(x, 2) })).y!;
      expect(signalToNoise(expected.data, results.y!.data)).toBeGreaterThan(35);
    },
  );

  test('from a Constant node is the same as from an initializer', async () => {
    const feeds = { x: normal([1, 5, 4], 2) };
    const fromNode = await stored(linear(true));
    expect(fromNode.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'Mul', 'MatMul']);
    expect(await run(runtime, fromNode, feeds)).toEqual(
      await run(runtime, await stored(linear(false)), feeds),
    );
  });

  test('leaves the float weight to others that read it', async () => {
    const model = linear(false);
    model.graph.nodes.push(makeNode('Add', ['w', 'w'], ['twice']));
    model.graph.outputs.push({ name: 'twice', dtype: 'float32', elementType: 1, dims: undefined });
    const feeds = { x: normal([1, 5, 4], 2) };
    const results = await run(runtime, await stored(model), feeds);
    expect(results.twice).toEqual((await run(runtime, model, feeds)).twice);
  });
});

describe('two layers that share a weight', () => {
  // The same four by four numbers, by columns in one layer and by rows in the other.
  const nodes = [makeNode('MatMul', ['x', 'w'], ['h']), makeNode('Gemm', ['h', 'w'], ['y'], { transB: 1 })];
  const model = buildModel(nodes, {
    inputs: { x: [6, 4] },
    constants: { w: normal([4, 4], 1) },
    outputs: ['y'],
  });
  const feeds = { x: normal([6, 4], 2), call_index: callIndex(0) };
  const [first, second] = findLayers(model.graph);

  test.each([
    ['both stored', [], [first!, second!]],
    ['both computed', [first!, second!], []],
    ['the first computed, the second stored', [first!], [second!]],
    ['the first stored, the second computed', [second!], [first!]],
  ])('%s: each gets its own integers', async (_, computed, kept) => {
    const compute = await pack(computed);
    const store = await pack(kept, { bits: 8, purpose: 'storage' });
    const grids = computed.length > 0 ? await observeGrids(runtime, model, computed, [feeds]) : NO_GRIDS;
    const integer = toIntegerGraph(model, {
      ...NOTHING,
      compute,
      store,
      grids,
      shapes: shapesFor(model, feeds),
    });
    const weights = [...integer.graph.initializers.values()].filter(({ name }) => name.endsWith('/int8'));
    expect(weights).toHaveLength(2);
    const [a, b] = await Promise.all(weights.map(async (weight) => (await readWeight(weight)).data));
    expect(a).not.toEqual(b);
    const expected = (await run(runtime, model, feeds)).y!;
    expect(signalToNoise(expected.data, (await run(runtime, integer, feeds)).y!.data)).toBeGreaterThan(28);
  });
});
