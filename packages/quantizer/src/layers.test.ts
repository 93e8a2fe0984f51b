import {
  applyCut,
  encodeModel,
  findCuts,
  float,
  makeNode,
  type OnnxNode,
  parseModel,
} from '@cachequant/onnx';
import { type Tensor, tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel, loadModel, normal } from './__fixtures__/models.js';
import { findLayers, type Layer } from './layers.js';

/** Layers of a graph of x, weights and y; `other` is an activation. */
function layersOf(nodes: OnnxNode[], constants: Readonly<Record<string, Tensor>>): Layer[] {
  const model = buildModel(nodes, {
    inputs: { x: ['b', 6, 8, 8], other: [4, 4] },
    constants,
    outputs: ['y'],
  });
  return findLayers(model.graph);
}

const b4 = normal([4], 1);
const conv = (attributes: Parameters<typeof makeNode>[3] = {}) =>
  makeNode('Conv', ['x', 'w', 'b'], ['y'], attributes);

describe('findLayers', () => {
  test.each([
    ['3×3', [4, 6, 3, 3], { pads: [1, 1, 1, 1] }, 'convolution'],
    ['1×1', [4, 6, 1, 1], {}, 'pointwise'],
    [
      '1×1, said at length',
      [4, 6, 1, 1],
      { strides: [1, 1], pads: [0, 0, 0, 0], group: 1, auto_pad: 'VALID' },
      'pointwise',
    ],
    ['1×1 with stride', [4, 6, 1, 1], { strides: [2, 2] }, 'convolution'],
    ['1×1 with padding', [4, 6, 1, 1], { pads: [1, 1, 1, 1] }, 'convolution'],
    ['1×1 in groups', [4, 3, 1, 1], { group: 2 }, 'convolution'],
    ['1×1 with auto_pad', [4, 6, 1, 1], { auto_pad: 'SAME_UPPER' }, 'convolution'],
  ] as const)('takes a convolution %s for what it is', (_, dims, attributes, kind) => {
    const [layer] = layersOf([conv(attributes)], { w: normal(dims, 2), b: b4 });
    expect(layer).toMatchObject({
      id: 'w:y',
      kind,
      input: 'x',
      output: 'y',
      outputChannels: 4,
      inputs: dims[1] * dims[2] * dims[3],
      inputsFirst: false,
    });
    expect(layer!.bias!.name).toBe('b');
  });

  test.each([
    ['MatMul', {}, [6, 4], true],
    ['Gemm', {}, [6, 4], true],
    ['Gemm', { transB: 1, alpha: float(1) }, [4, 6], false],
  ] as const)('takes %s %o for a linear layer', (type, attributes, dims, inputsFirst) => {
    const [layer] = layersOf([makeNode(type, ['x', 'w'], ['y'], attributes)], { w: normal(dims, 1) });
    expect(layer).toMatchObject({
      kind: 'linear',
      inputs: 6,
      outputChannels: 4,
      inputsFirst,
      bias: undefined,
    });
  });

  test('finds weights and biases that Constant nodes make', () => {
    const nodes = buildModel([], { inputs: {}, constants: { w: normal([6, 4], 1), b: b4 }, outputs: [] });
    const constantNode = (name: string) =>
      makeNode('Constant', [], [name], { value: nodes.graph.initializers.get(name)! });
    const [layer] = layersOf(
      [
        constantNode('w'),
        constantNode('b'),
        makeNode('MatMul', ['x', 'w'], ['m']),
        makeNode('Add', ['m', 'b'], ['y']),
      ],
      {},
    );
    expect(layer).toMatchObject({ id: 'w:m', output: 'y', outputChannels: 4 });
    expect(layer!.bias!.dims).toEqual([4]);
  });

  const two = makeNode('MatMul', ['x', 'w'], ['m']);
  const constants = { w: normal([6, 4], 1), b: b4 };
  test.each([
    [
      'that something else reads too',
      [two, makeNode('Add', ['m', 'b'], ['y']), makeNode('Relu', ['m'], ['r'])],
      constants,
    ],
    ['of another shape', [two, makeNode('Add', ['m', 'b'], ['y'])], { ...constants, b: normal([1, 4], 1) }],
    ['that is an activation', [two, makeNode('Add', ['m', 'other'], ['y'])], constants],
    ['of another domain', [two, makeNode('Add', ['m', 'b'], ['y'], {}, { domain: 'example' })], constants],
  ])('takes in no Add %s', (_, nodes, weights) => {
    expect(layersOf(nodes, weights)).toMatchObject([{ output: 'm', bias: undefined, biasAdd: undefined }]);
  });

  test.each([
    ['over one dimension', conv(), { w: normal([4, 6, 3], 1), b: b4 }],
    ['over three dimensions', conv(), { w: normal([4, 6, 3, 3, 3], 1), b: b4 }],
    ['with a weight of three dimensions', makeNode('MatMul', ['x', 'w'], ['y']), { w: normal([2, 6, 4], 1) }],
    ['with a weight of one dimension', makeNode('MatMul', ['x', 'w'], ['y']), { w: normal([6], 1) }],
    ['with a weight on the left', makeNode('MatMul', ['w', 'x'], ['y']), { w: normal([6, 4], 1) }],
    ['without a constant weight', makeNode('MatMul', ['x', 'other'], ['y']), {}],
    ['in half precision', makeNode('MatMul', ['x', 'w'], ['y']), { w: tensor('float16', [6, 4]) }],
    ['scaled', makeNode('Gemm', ['x', 'w'], ['y'], { alpha: float(0.5) }), { w: normal([6, 4], 1) }],
    ['of a transposed input', makeNode('Gemm', ['x', 'w'], ['y'], { transA: 1 }), { w: normal([6, 4], 1) }],
    [
      'with a bias for each row',
      makeNode('Gemm', ['x', 'w', 'b'], ['y']),
      { w: normal([6, 4], 1), b: normal([2, 1], 1) },
    ],
    ['with a bias that is an activation', conv(), { w: normal([4, 6, 3, 3], 1) }],
    [
      'of another domain',
      makeNode('Conv', ['x', 'w'], ['y'], {}, { domain: 'example' }),
      { w: normal([4, 6, 3, 3], 1) },
    ],
  ])('leaves a layer %s in float', (_, node, weights) => {
    expect(layersOf([node], weights)).toEqual([]);
  });

  test('gives layers that share a weight ids that do not depend on one another', () => {
    const first = makeNode('MatMul', ['x', 'w'], ['h']);
    const second = makeNode('MatMul', ['h', 'w'], ['y']);
    const w = normal([4, 4], 1);
    expect(layersOf([first, second], { w }).map(({ id }) => id)).toEqual(['w:h', 'w:y']);
    expect(layersOf([second], { w }).map(({ id }) => id)).toEqual(['w:y']);
  });
});

const DENOISERS: readonly (readonly [string, Record<string, number[]>])[] = [
  ['fashion-sd/unet', { sample: [1, 4, 16, 16], timestep: [], encoder_hidden_states: [1, 16, 64] }],
  ['tiny/ddpm-unet', { sample: [1, 3, 16, 16], timestep: [] }],
  ['tiny/dit', { hidden_states: [1, 4, 16, 16], timestep: [1], class_labels: [1] }],
  ['tiny/sd-unet-dynamo', { sample: [1, 4, 16, 16], timestep: [1], encoder_hidden_states: [1, 7, 32] }],
];

test.each(DENOISERS)('findLayers gives the layers of both halves of %s the same ids', (name, inputDims) => {
  const model = loadModel(name);
  const { full, cached } = applyCut(model, findCuts(model, { inputDims })[0]!);
  const known = new Map(findLayers(full.graph).map((layer) => [layer.id, layer]));
  const layers = findLayers(parseModel(encodeModel(cached)).graph);
  expect(layers.length).toBeGreaterThan(2);
  expect(new Set(layers.map(({ id }) => id)).size).toBe(layers.length);
  for (const { id, kind, weight, bias, output } of layers) {
    const layer = known.get(id)!;
    expect([kind, weight.name, bias?.name, output]).toEqual([
      layer.kind,
      layer.weight.name,
      layer.bias?.name,
      layer.output,
    ]);
  }
});
