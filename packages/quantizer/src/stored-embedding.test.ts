import { makeNode } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, normal, run } from './__fixtures__/models.js';
import { findEmbeddings, storeEmbeddings } from './stored-embedding.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const lookup = (rows: number, attributes = {}) => {
  const model = buildModel([makeNode('Gather', ['table', 'ids'], ['y'], attributes)], {
    inputs: {},
    constants: { table: normal([rows, 64], 3) },
    outputs: ['y'],
  });
  model.graph.inputs.push({ name: 'ids', dtype: 'int64', elementType: 7, dims: [2, 2] });
  return model;
};

describe('storeEmbeddings', () => {
  test('gives rows that are off by half a scale of their row at most', async () => {
    const model = lookup(100);
    const table = normal([100, 64], 3).data as Float32Array;
    await storeEmbeddings(model, async ({ data }) => data);
    expect(model.graph.initializers.has('table')).toBe(false);
    const ids = tensor('int64', [2, 2], BigInt64Array.of(0n, 99n, 7n, 7n));
    const { y } = await run(runtime, model, { ids });
    expect(y!.dims).toEqual([2, 2, 64]);
    for (const [i, row] of [0, 99, 7, 7].entries()) {
      const truth = table.subarray(row * 64, (row + 1) * 64);
      const largest = truth.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const actual = (y!.data as Float32Array).subarray(i * 64, (i + 1) * 64);
      const worst = actual.reduce((most, value, k) => Math.max(most, Math.abs(value - truth[k]!)), 0);
      expect(worst).toBeGreaterThan(0);
      expect(worst).toBeLessThan(largest / 100);
    }
  });

  test.each([
    ['a table that is small', lookup(10)],
    ['a lookup along another axis', lookup(100, { axis: 1 })],
  ])('leaves %s as it is', (_, model) => {
    expect(findEmbeddings(model.graph)).toEqual([]);
  });
});
