import { tensor } from '@cachequant/tensor';
import { Tensor as OrtTensor, type Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { buildModel, float32s, int64s } from '../__fixtures__/build-model.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, type Feeds, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import type { OnnxModel } from '../model.js';
import { makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { freezeShapes } from './freeze-shapes.js';

const DENOISERS = [
  'fashion-sd/unet',
  'tiny/ddpm-unet',
  'tiny/sdxl-unet',
  'tiny/sd-unet-float-timestep',
  'tiny/sd-unet-dynamo',
  'tiny/dit',
];

const wiring = ({ graph }: OnnxModel): string =>
  JSON.stringify([graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]), graph.inputs, graph.outputs]);

/** The sizes of a model's inputs with another batch. */
function withBatch(model: OnnxModel, dims: Readonly<Record<string, number[]>>, batch: number) {
  const declared = new Map(model.graph.inputs.map((input) => [input.name, input.dims]));
  return Object.fromEntries(
    Object.entries(dims).map(([name, sizes]) => [
      name,
      sizes.map((size, axis) => (axis === 0 && typeof declared.get(name)?.[0] === 'string' ? batch : size)),
    ]),
  );
}

describe.each(DENOISERS)('freezeShapes %s', (name) => {
  const bytes = loadModelFile(`${name}/model.onnx`);
  const model = parseModel(bytes);
  const dims = exampleDims(model);
  const openBatch = Object.fromEntries(
    Object.entries(dims).map(([input, sizes]) => [
      input,
      sizes.map((size, axis) => (axis === 0 ? null : size)),
    ]),
  );
  const frozen = freezeShapes(model, openBatch);
  const encoded = encodeModel(frozen);

  test.each([1, 3])('gives the same output at batch %i', async (batch) => {
    const feeds: Feeds = randomFeeds(model, withBatch(model, dims, batch), 11);
    const [expected, actual] = [await runModel(bytes, feeds), await runModel(encoded, feeds)];
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [output, tensor] of Object.entries(expected))
      expect(difference(actual[output]!, tensor)).toBeLessThan(1e-6);
  });

  test('takes nodes away, shape arithmetic above all', () => {
    const count = ({ graph }: OnnxModel, types?: readonly string[]) =>
      graph.nodes.filter(({ opType }) => !types || types.includes(opType)).length;
    expect(count(frozen)).toBeLessThan(0.85 * count(model));
    expect(count(frozen, ['Shape', 'Gather', 'Unsqueeze'])).toBeLessThan(
      0.5 * count(model, ['Shape', 'Gather', 'Unsqueeze']) + 8,
    );
  });

  test('leaves the batch open and the rest closed', () => {
    for (const input of frozen.graph.inputs) {
      const before = model.graph.inputs.find((candidate) => candidate.name === input.name)!;
      expect(input.dims![0]).toBe(before.dims![0]);
      expect(input.dims!.slice(1)).toEqual(dims[input.name]!.slice(1));
    }
    expect(frozen.graph.outputs[0]!.dims!.slice(1).every((dim) => typeof dim === 'number')).toBe(true);
    expect(typeof frozen.graph.outputs[0]!.dims![0]).not.toBe('number');
  });

  test('leaves the model as it was', () => {
    expect(wiring(model)).toBe(wiring(parseModel(bytes)));
  });
});

/** The largest difference over the largest magnitude. */
function difference(actual: Tensor, expected: Tensor): number {
  expect(actual.dims).toEqual(expected.dims);
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return b.reduce((most, value, at) => Math.max(most, Math.abs(value - a[at]!)), 0) / largest;
}

describe('freezeShapes', () => {
  const model = () =>
    buildModel(
      [
        makeNode('Shape', ['x'], ['shape']),
        makeNode('Gather', ['shape', 'first'], ['batch']),
        makeNode('Concat', ['batch', 'rest'], ['target'], { axis: 0 }),
        makeNode('Reshape', ['x', 'target'], ['y']),
      ],
      {
        inputs: { x: ['float32', ['b', 2, 'n']] },
        constants: { first: int64s(0), rest: int64s(6) },
        outputs: ['y'],
      },
    );

  test('leaves of a Reshape to the batch and the rest one node', () => {
    const { graph } = freezeShapes(model(), { x: [null, 2, 3] });
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Reshape']);
    expect(graph.outputs[0]!.dims).toEqual(['b', 6]);
    expect(graph.initializers.size).toBe(1);
  });

  test('keeps shape arithmetic that is an output', () => {
    const source = model();
    source.graph.outputs.push({ name: 'target', dtype: 'int64', elementType: 7, dims: [2] });
    const { graph } = freezeShapes(source, { x: [4, 2, 3] });
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(expect.arrayContaining(['Concat', 'Reshape']));
  });

  test('keeps a Reshape of which two sizes are open', () => {
    const source = buildModel([makeNode('Reshape', ['x', 'target'], ['y'])], {
      inputs: { x: ['float32', ['b', 'n', 6]], target: ['int64', [4]] },
      outputs: ['y'],
    });
    expect(freezeShapes(source, {}).graph.nodes[0]!.inputs).toEqual(['x', 'target']);
  });

  test('leaves floats alone', () => {
    const source = buildModel([makeNode('Add', ['c', 'c'], ['d']), makeNode('Mul', ['x', 'd'], ['y'])], {
      inputs: { x: ['float32', [2]] },
      constants: { c: float32s(1, 2) },
      outputs: ['y'],
    });
    expect(freezeShapes(source, {}).graph.nodes).toHaveLength(2);
  });

  test.each([
    ['an input that is not there', { z: [1] }],
    ['another rank', { x: [1, 2] }],
    ['another size', { x: [1, 3, 3] }],
  ])('refuses %s', (_, dims) => {
    expect(() => freezeShapes(model(), dims)).toThrowError(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

describe('freezeShapes on numbers beyond 2^53', () => {
  const far = tensor('int64', [1], BigInt64Array.of(2n ** 62n));
  const run = async (model: OnnxModel) =>
    (await runModel(encodeModel(model), { x: new OrtTensor('int64', BigInt64Array.of(3n), [1]) })).y!.data;

  test('leaves products that wrap around to the runtime', async () => {
    // 199 bytes of a public bug report, where such a product reached Infinity.
    const squares = Array.from({ length: 6 }, (_, i) => makeNode('Mul', [`c${i}`, `c${i}`], [`c${i + 1}`]));
    const model = buildModel([...squares, makeNode('Add', ['x', 'c6'], ['y'])], {
      inputs: { x: ['int64', [1]] },
      outputs: ['y'],
      constants: { c0: far },
    });
    model.graph.outputs[0] = { ...model.graph.outputs[0]!, dtype: 'int64', elementType: 7 };
    expect(inferShapes(model).get('c6')).toEqual({ dtype: 'int64', dims: [1], values: [null] });
    expect(await run(freezeShapes(model, { x: [1] }))).toEqual(await run(model));
  });

  test.each([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])('keeps %d as it is', async (number) => {
    const model = buildModel(
      [makeNode('Concat', ['n', 'n'], ['two'], { axis: 0 }), makeNode('ReduceMax', ['two'], ['y'])],
      { constants: { n: tensor('int64', [1], BigInt64Array.of(number)) }, outputs: ['y'] },
    );
    model.graph.outputs[0] = { ...model.graph.outputs[0]!, dtype: 'int64', elementType: 7 };
    const frozen = await runModel(encodeModel(freezeShapes(model, {})), {});
    expect(frozen.y!.data).toEqual(BigInt64Array.of(number));
  });
});
