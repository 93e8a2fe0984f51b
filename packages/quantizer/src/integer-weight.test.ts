import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeModel,
  getInt,
  makeNode,
  type OnnxModel,
  parseModel,
  readWeight,
  weightOf,
} from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor, unpackInt4 } from '@cachequant/tensor';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, callIndex, normal, run } from './__fixtures__/models.js';
import { observeGrids, pack, shapesFor } from './__fixtures__/quantize.js';
import { toIntegerGraph } from './integer-graph.js';
import { findLayers } from './layers.js';
import type { PackedWeight } from './packed-weight.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

type Case = readonly [
  title: string,
  type: string,
  x: readonly number[],
  w: readonly number[],
  attributes: Parameters<typeof makeNode>[3],
];

const CASES: readonly Case[] = [
  ['3×3 convolution', 'Conv', [1, 3, 6, 6], [5, 3, 3, 3], { pads: [1, 1, 1, 1] }],
  ['1×1 convolution', 'Conv', [1, 7, 4, 4], [5, 7, 1, 1], {}],
  ['MatMul of odd sizes', 'MatMul', [11, 7], [7, 5], {}],
  ['Gemm with transB', 'Gemm', [11, 7], [5, 7], { transB: 1 }],
];

/** The integer graph with weights of four bits, and one with the same integers in eight. */
async function bothForms(
  [, type, x, w, attributes]: Case,
  opset: number,
): Promise<{ four: OnnxModel; eight: OnnxModel; feeds: Parameters<typeof run>[2] }> {
  const model = buildModel([makeNode(type, ['x', 'w'], ['y'], attributes)], {
    inputs: { x },
    constants: { w: normal(w, 1) },
    outputs: ['y'],
    opset,
  });
  const feeds = { x: normal(x, 2), call_index: callIndex(0) };
  const layers = findLayers(model.graph);
  const packed = await pack(layers, { bits: 4 });
  const grids = await observeGrids(runtime, model, layers, [feeds]);
  const rest = { store: new Map(), grids, corrections: new Map(), shapes: shapesFor(model, feeds) };
  const eight = toIntegerGraph(model, { ...rest, compute: await unpacked(packed) });
  return { four: toIntegerGraph(model, { ...rest, compute: packed }), eight, feeds };
}

async function unpacked(packed: ReadonlyMap<string, PackedWeight>): Promise<Map<string, PackedWeight>> {
  const wide = new Map<string, PackedWeight>();
  for (const [id, weight] of packed) {
    const { data, dims } = await readWeight(weight.integers);
    const count = dims.reduce((product, dim) => product * dim, 1);
    const integers = weightOf(tensor('int8', dims, unpackInt4(data as Uint8Array, count)), `${id}/int8`);
    wide.set(id, { ...weight, integers });
  }
  return wide;
}

describe.each(CASES)('a %s with weights of four bits', (...layer) => {
  test.each([13, 17, 18, 21])(
    'from opset %i gives what the same integers in eight bits give',
    async (opset) => {
      const { four, eight, feeds } = await bothForms(layer, opset);
      expect(four.opsetImports.get('')).toBe(21);
      expect(eight.opsetImports.get('')).toBe(opset);
      expect(await run(runtime, four, feeds)).toEqual(await run(runtime, eight, feeds));
    },
  );

  test('takes half a byte for each, and is an int8 constant once the model is loaded', async () => {
    const { four } = await bothForms(layer, 17);
    const stored = [...four.graph.initializers.values()].find(({ dtype }) => dtype === 'int4')!;
    const count = stored.dims.reduce((product, dim) => product * dim, 1);
    expect(stored.data.kind === 'bytes' && stored.data.bytes.byteLength).toBe(Math.ceil(count / 2));
    const loaded = await asLoaded(four);
    expect([...loaded.graph.initializers.values()].filter(({ dtype }) => dtype === 'int4')).toEqual([]);
    const casts = loaded.graph.nodes.filter(({ opType }) => opType === 'Cast');
    expect(casts.filter((node) => getInt(node, 'to', 0) === 3)).toEqual([]);
    const folded = [...loaded.graph.initializers.values()].filter(
      ({ dtype, dims }) => dtype === 'int8' && dims.length > 1,
    );
    expect(folded.map(({ dims }) => dims)).toEqual([stored.dims]);
  });
});

/** The graph that the runtime is left with after its first, hardware-independent optimizations. */
async function asLoaded(model: OnnxModel): Promise<OnnxModel> {
  const folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
  try {
    const path = join(folder, 'loaded.onnx');
    const options = { graphOptimizationLevel: 'basic', optimizedModelFilePath: path } as const;
    const session = await InferenceSession.create(encodeModel(model), options);
    await session.release();
    return parseModel(await readFile(path));
  } finally {
    await rm(folder, { recursive: true });
  }
}
