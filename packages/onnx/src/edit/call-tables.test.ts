import { tensor } from '@cachequant/tensor';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { runModel } from '../__fixtures__/reference.js';
import { encodeModel } from '../write/encode-model.js';
import { CALL_INDEX_INPUT, CallTableBuilder, TABLE_PREFIX } from './call-tables.js';

describe('CallTableBuilder', () => {
  const table = Float32Array.of(1, 2, 3, 10, 20, 30);

  test.each([
    ['pieces', [1, 2]],
    ['one piece', [3]],
  ])('reads the row of the call and cuts it into %s', async (_, lengths) => {
    const model = buildModel([], {});
    const builder = new CallTableBuilder(model);
    const pieces = builder.split(builder.row('scales', 'float32', 2, table), 'scale', lengths);
    for (const name of pieces)
      model.graph.outputs.push({ name, dtype: 'float32', elementType: 1, dims: undefined });
    for (const call of [0, 1]) {
      const index = new Tensor('int64', BigInt64Array.of(BigInt(call)), []);
      const results = await runModel(encodeModel(model), { [CALL_INDEX_INPUT]: index });
      expect(pieces.map((name) => results[name]!.dims)).toEqual(lengths.map((length) => [length]));
      expect(pieces.flatMap((name) => [...(results[name]!.data as Float32Array)])).toEqual([
        ...table.subarray(call * 3, call * 3 + 3),
      ]);
    }
  });

  test('declares the call once, and keeps tables apart under their prefix', () => {
    const model = buildModel([], {});
    const builder = new CallTableBuilder(model);
    builder.row('scales', 'float32', 2, table);
    builder.row('scales', 'float32', 3, table);
    expect(model.graph.inputs).toEqual([
      { name: CALL_INDEX_INPUT, dtype: 'int64', elementType: 7, dims: [] },
    ]);
    const tables = [...model.graph.initializers.values()];
    expect(tables.map(({ dims }) => dims)).toEqual([
      [2, 3],
      [3, 2],
    ]);
    expect(tables.every(({ name }) => name.startsWith(TABLE_PREFIX))).toBe(true);
  });

  test('gives names that are not taken', () => {
    const model = buildModel([], { constants: { scale: tensor('float32', [1]) } });
    const builder = new CallTableBuilder(model);
    expect([builder.constant('scale', 'float32', [], Float32Array.of(1)), builder.name('scale')]).toEqual([
      'scale_1',
      'scale_2',
    ]);
  });

  test.each([4, 0, 7])('row refuses to divide six numbers into %i calls', (calls) => {
    expect(() =>
      new CallTableBuilder(buildModel([], {})).row('scales', 'float32', calls, table),
    ).toThrowError(expect.objectContaining({ code: 'shape', where: 'scales' }));
  });

  test('split refuses a model below opset 13', () => {
    const builder = new CallTableBuilder(buildModel([], { opset: 12 }));
    expect(() => builder.split('vector', 'piece', [1, 2])).toThrowError(
      expect.objectContaining({ code: 'unsupported', got: 'opset 12' }),
    );
  });
});
