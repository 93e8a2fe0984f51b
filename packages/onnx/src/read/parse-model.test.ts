import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { digest } from '../__fixtures__/digest.js';
import { MemoryStorage } from '../__fixtures__/memory-storage.js';
import { loadModelFile, MODEL_PATHS } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { encodeModel, parseModel, readModel, topologicalSort } from '../index.js';
import { readWeightBytes } from './read-weight.js';

const fixture = (name: string) => readFileSync(new URL(`../__fixtures__/${name}`, import.meta.url));

describe.each(MODEL_PATHS)('%s', (path) => {
  const bytes = loadModelFile(path);
  const model = parseModel(bytes);

  test('parseModel(encodeModel(model)) is the same model', async () => {
    expect(await digest(parseModel(encodeModel(model)))).toBe(await digest(model));
  });

  test('readModel gives what parseModel gives, with large weights left in the file', async () => {
    const read = await readModel(new MemoryStorage({ 'a/model.onnx': bytes }), 'a/model.onnx');
    const large = [...read.graph.initializers.values()].filter(({ data }) => data.kind === 'range');
    expect(large.length).toBeGreaterThan(0);
    expect(await digest(read)).toBe(await digest(model));
  });

  test('topologicalSort keeps the order that the exporter wrote', () => {
    const before = [...model.graph.nodes];
    topologicalSort(model.graph);
    expect(model.graph.nodes.findIndex((node, i) => node !== before[i])).toBe(-1);
    expect(before.length).toBe(model.graph.nodes.length);
  });
});

test.each(MODEL_PATHS.slice(0, 3))('encodeModel(%s) computes the same in onnxruntime', async (path) => {
  const bytes = loadModelFile(path);
  const model = parseModel(bytes);
  const feeds = randomFeeds(model, exampleDims(model), 1);
  const expected = await runModel(bytes, feeds);
  const results = await runModel(encodeModel(model), feeds);
  expect(Object.keys(results)).toEqual(Object.keys(expected));
  for (const [name, output] of Object.entries(results)) expect(output.data).toEqual(expected[name]!.data);
});

describe('every-field.onnx', () => {
  const model = parseModel(fixture('every-field.onnx'));
  const reference = JSON.parse(fixture('every-field.json').toString()) as {
    tensors: Record<string, { elementType: number; dims: number[]; bytes: string }>;
  };

  test.each(Object.keys(reference.tensors))('parseModel converts the typed fields of %s', async (name) => {
    const weight = model.graph.initializers.get(name)!;
    expect({
      elementType: weight.elementType,
      dims: weight.dims,
      bytes: Buffer.from(await readWeightBytes(weight)).toString('hex'),
    }).toEqual(reference.tensors[name]);
  });

  test('parseModel gives null as dtype for types that are only carried', () => {
    const dtypeOf = (name: string) => model.graph.initializers.get(name)!.dtype;
    expect(['float8', 'complex64', 'strings'].map(dtypeOf)).toEqual([null, null, null]);
    expect(['int4', 'bfloat16', 'bool'].map(dtypeOf)).toEqual(['int4', 'bfloat16', 'bool']);
  });

  test('parseModel interprets attributes, and keeps raw what it cannot', () => {
    const attributes = model.graph.nodes.find(({ opType }) => opType === 'Everything')!.attributes;
    expect(attributes.get('old')).toEqual({ type: 'int', value: 7n });
    expect(attributes.get('texts')).toEqual({ type: 'strings', value: ['a', 'b'] });
    expect(['binary', 'tensors', 'type'].map((name) => attributes.get(name)!.type)).toEqual([
      'raw',
      'raw',
      'raw',
    ]);
  });

  test('parseModel gives values their types, and keeps sequences and denotations', () => {
    const { inputs, valueInfo } = model.graph;
    expect(inputs[2]).toMatchObject({ name: 'sequence', dtype: null, raw: expect.any(Uint8Array) });
    expect(valueInfo.get('captured')).toMatchObject({ dtype: 'float32', dims: ['batch', 2] });
    expect(valueInfo.get('captured')!.raw).toBeUndefined();
    expect(valueInfo.get('chosen')).toMatchObject({ dims: [2, 2], raw: expect.any(Uint8Array) });
    expect(valueInfo.get('c_value_int')).toMatchObject({ dtype: 'int64', dims: undefined });
  });

  test('encodeModel writes back every text that no type of ours has a place for', () => {
    const text = Buffer.from(encodeModel(model)).toString('latin1');
    const kept = [
      'adds to itself',
      'doubled',
      'a graph',
      'TENSOR',
      'SCALE_TENSOR',
      'sparse_indices',
      '1.19',
      'origin',
    ];
    expect(kept.filter((part) => !text.includes(part))).toEqual([]);
  });

  test('parseModel(encodeModel(model)) is the same model', async () => {
    expect(await digest(parseModel(encodeModel(model)))).toBe(await digest(model));
  });
});
