import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { buildModel } from './__fixtures__/build-model.js';
import { halfModel, roundedModel } from './__fixtures__/half-model.js';
import { loadModelFile } from './__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from './__fixtures__/reference.js';
import { inferShapes } from './analyze/infer-shapes.js';
import { computeInFloat32 } from './compute-in-float32.js';
import { widenWeights } from './edit/widen-weights.js';
import type { OnnxModel } from './model.js';
import { makeNode } from './node.js';
import { parseModel } from './read/parse-model.js';
import { encodeModel } from './write/encode-model.js';

const ROUND = {
  float16: (values: Float32Array) => fromFloat16(toFloat16(values)),
  bfloat16: (values: Float32Array) => fromBfloat16(toBfloat16(values)),
};

function largestDifference(a: Record<string, { data: unknown }>, b: Record<string, { data: unknown }>) {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  return Math.max(
    ...Object.keys(a).flatMap((name) =>
      Array.from(a[name]!.data as Float32Array, (value, i) =>
        Math.abs(value - (b[name]!.data as Float32Array)[i]!),
      ),
    ),
  );
}

async function run(model: OnnxModel, dims: Record<string, number[]>) {
  return runModel(encodeModel(model), randomFeeds(model, dims, 1));
}

const narrowTypes = (model: OnnxModel) =>
  [...inferShapes(model)].filter(([, { dtype }]) => dtype === 'float16' || dtype === 'bfloat16');

describe('computeInFloat32', () => {
  it.each([
    ['tiny/ddpm-unet/model.onnx', 'float32', 'float16'],
    ['tiny/dit/model.onnx', 'float16', 'bfloat16'],
  ] as const)(
    'makes of %s with inputs and outputs of %s, in %s, the float32 graph of its rounded weights',
    async (path, io, dtype) => {
      const model = parseModel(loadModelFile(path));
      const dims = exampleDims(model);
      const half = await halfModel(model, io, dtype);
      expect(narrowTypes(half).length).toBeGreaterThan(100);
      const before = Buffer.from(encodeModel(half));
      const wide = computeInFloat32(half)!;
      expect(before.equals(encodeModel(half))).toBe(true);
      const weights = [...wide.graph.initializers.values()].filter((weight) => weight.dtype === dtype);
      expect(weights.length).toBeGreaterThan(20);
      const rounded = await run(await roundedModel(model, ROUND[dtype]), dims);
      expect(largestDifference(await run(wide, dims), rounded)).toBeLessThan(1e-5);
      // Read as float32, nothing in it is of 16 bits.
      expect(narrowTypes(widenWeights(wide))).toEqual([]);
    },
  );

  it('gives undefined for float32, and for 16-bit weights that are only cast to it', () => {
    expect(computeInFloat32(parseModel(loadModelFile('tiny/dit/model.onnx')))).toBeUndefined();
    const nodes = [makeNode('Cast', ['w'], ['w32'], { to: 1 }), makeNode('Add', ['x', 'w32'], ['y'])];
    const cast = buildModel(nodes, { inputs: { x: ['float32', [1]] } });
    const data = { kind: 'bytes', bytes: new Uint8Array(2) } as const;
    cast.graph.initializers.set('w', { name: 'w', dtype: 'float16', elementType: 10, dims: [1], data });
    expect(computeInFloat32(cast)).toBeUndefined();
  });
});
