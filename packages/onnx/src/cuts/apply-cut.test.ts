import type { Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, type Feeds, randomFeeds, runModel } from '../__fixtures__/reference.js';
import type { OnnxModel } from '../model.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { applyCut } from './apply-cut.js';
import { findCuts } from './find-cuts.js';

const DENOISERS = [
  'fashion-sd/unet',
  'tiny/ddpm-unet',
  'tiny/sdxl-unet',
  'tiny/sd-unet-float-timestep',
  'tiny/sd-unet-dynamo',
  'tiny/dit',
];

const TOLERANCE = 1e-5;

/** The largest difference over the largest magnitude. */
function relativeError(actual: Tensor, expected: Tensor): number {
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  expect(actual.dims).toEqual(expected.dims);
  const differences = b.map((value, at) => Math.abs(value - a[at]!));
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0);
  return differences.reduce((most, value) => Math.max(most, value), 0) / largest;
}

function only(feeds: Feeds, model: OnnxModel): Feeds {
  return Object.fromEntries(model.graph.inputs.map(({ name }) => [name, feeds[name]!]));
}

const wiring = (model: OnnxModel): string =>
  JSON.stringify([
    model.graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]),
    model.graph.inputs,
    model.graph.outputs,
  ]);

describe.each(DENOISERS)('applyCut %s', (name) => {
  const bytes = loadModelFile(`${name}/model.onnx`);
  const model = parseModel(bytes);
  const inputDims = exampleDims(model);
  // The cut is found at one size, and has to hold at another.
  const otherDims = Object.fromEntries(
    Object.entries(inputDims).map(([input, dims]) => [
      input,
      dims.map((dim) => (dim === 2 ? 1 : dim === 8 ? 16 : dim)),
    ]),
  );
  const feeds = randomFeeds(model, otherDims, 7);
  let expected: Record<string, Tensor>;
  beforeAll(async () => {
    expected = await runModel(bytes, feeds);
  });

  test.each(findCuts(model, { inputDims }).slice(0, 4))(
    '$id: both halves compute what the model does',
    async (cut) => {
      const before = wiring(model);
      const { full, cached, cacheName } = applyCut(model, cut);
      expect(wiring(model)).toBe(before);
      expect(full.graph.nodes.length).toBeGreaterThan(cached.graph.nodes.length);
      const fresh = await runModel(encodeModel(full), feeds);
      const cache = fresh[cacheName]!;
      expect([cache.type, cache.dims.length]).toEqual([cut.dtype, cut.cacheDims.length]);
      const reused = await runModel(encodeModel(cached), only({ ...feeds, [cacheName]: cache }, cached));
      expect(Object.keys(reused)).toEqual(Object.keys(expected));
      for (const [output, tensor] of Object.entries(expected)) {
        expect(relativeError(fresh[output]!, tensor)).toBeLessThan(TOLERANCE);
        expect(relativeError(reused[output]!, tensor)).toBeLessThan(TOLERANCE);
      }
    },
  );
});

describe('applyCut', () => {
  const model = parseModel(loadModelFile('tiny/sd-unet-float-timestep/model.onnx'));
  const [best] = findCuts(model, { inputDims: exampleDims(model) });

  test('leaves open dimensions open, shares the weights and drops the others', () => {
    const { full, cached, cacheName } = applyCut(model, best!);
    expect(cacheName).toBe('cached_features');
    const input = cached.graph.inputs.find(({ name }) => name === cacheName)!;
    expect(input).toEqual(full.graph.outputs.at(-1));
    expect(input.dims![0]).toBe('batch_size');
    expect(input.dims![1]).toBe(16);
    expect(input.dims!.slice(2).every((dim) => typeof dim !== 'number')).toBe(true);
    expect(cached.graph.initializers.size).toBeLessThan(full.graph.initializers.size);
    for (const [name, weight] of cached.graph.initializers) {
      expect(weight.data).toBe(model.graph.initializers.get(name)!.data);
    }
  });

  test('takes another name when the model has a tensor called cached_features', () => {
    const { full } = applyCut(model, best!);
    const [again] = findCuts(full, { inputDims: exampleDims(full) }).slice(-1);
    expect(applyCut(full, again!).cacheName).toBe('cached_features_1');
  });

  test('refuses a cut of another model', () => {
    const other = parseModel(loadModelFile('tiny/dit/model.onnx'));
    expect(() => applyCut(other, best!)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
