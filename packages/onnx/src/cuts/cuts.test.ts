import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, type Feeds, randomFeeds, runModel, uniform } from '../__fixtures__/reference.js';
import { encodeModel } from '../encode-model.js';
import { inferShapes } from '../infer-shapes.js';
import type { OnnxModel } from '../model.js';
import { parseModel } from '../parse-model.js';
import { applyCut } from './apply-cut.js';
import type { CutCandidate } from './candidate.js';
import { findCuts } from './find-cuts.js';

const UNETS = ['fashion-sd/unet', 'tiny/ddpm-unet', 'tiny/sdxl-unet', 'tiny/sd-unet-float-timestep', 'tiny/sd-unet-dynamo'];
const DENOISERS = [...UNETS, 'tiny/dit'];

function load(name: string): { model: OnnxModel; inputDims: Record<string, number[]> } {
  const model = parseModel(loadModelFile(`${name}/model.onnx`));
  return { model, inputDims: exampleDims(model) };
}

/** The largest difference over the largest magnitude. */
function relativeError(actual: Tensor, expected: Tensor): number {
  expect(actual.dims).toEqual(expected.dims);
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  let difference = 0;
  let largest = 0;
  for (let at = 0; at < b.length; at++) {
    difference = Math.max(difference, Math.abs(a[at]! - b[at]!));
    largest = Math.max(largest, Math.abs(b[at]!));
  }
  expect(largest).toBeGreaterThan(0);
  return difference / largest;
}

function feedsFor(model: OnnxModel, feeds: Feeds): Feeds {
  return Object.fromEntries(model.graph.inputs.map(({ name }) => [name, feeds[name]!]));
}

describe.each(DENOISERS)('%s', (name) => {
  const { model, inputDims } = load(name);
  const cuts = findCuts(model, { inputDims });
  const bytes = encodeModel(model);
  const original = JSON.stringify(model.graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]));

  test('findCuts finds cuts that save arithmetic', () => {
    console.log(name, cuts.map((c) => [c.id, c.cachedShare.toFixed(3), c.kind === 'up-concat' ? c.tensor : JSON.stringify(c.blocks), c.cacheDims.join()].join(' ')).join('\n'));
    expect(cuts.length).toBeGreaterThan(0);
    for (const { cachedShare } of cuts) expect(cachedShare).toBeLessThan(1);
  });

  test.each(cuts)('applyCut $id: the halves compute what the model does', async (cut) => {
    const feeds = randomFeeds(model, inputDims, 7);
    const expected = await runModel(bytes, feeds);
    const { full, cached, cacheName } = applyCut(model, cut);
    expect(JSON.stringify(model.graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]))).toBe(original);
    const fresh = await runModel(encodeModel(full), feeds);
    const cache = fresh[cacheName]!;
    expect([cache.type, [...cache.dims]]).toEqual([cut.dtype, cut.cacheDims]);
    const reused = await runModel(encodeModel(cached), feedsFor(cached, { ...feeds, [cacheName]: cache }));
    expect(Object.keys(reused)).toEqual(Object.keys(expected));
    for (const [output, tensor] of Object.entries(expected)) {
      expect(relativeError(fresh[output]!, tensor)).toBeLessThan(1e-5);
      expect(relativeError(reused[output]!, tensor)).toBeLessThan(1e-5);
    }
  });
});
