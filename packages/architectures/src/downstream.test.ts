import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { countMultiplyAdds, findCuts, inferShapes, type OnnxModel } from '@cachequant/onnx';
import { describe, expect, test } from 'vitest';
import { buildGraph } from './build-graph.js';

const FOLDER = new URL('../../../fixtures/architectures/full-size/', import.meta.url);

/** The graph of a released model, without weights. */
function built(name: string): OnnxModel {
  const text = gunzipSync(readFileSync(new URL(`${name}.json.gz`, FOLDER))).toString();
  return buildGraph(JSON.parse(text)).model;
}

const TEXT = [2, 77, 768];

describe('what buildGraph gives of released models can be counted and cut', () => {
  test.each([
    ['sd-1.5-unet', 803.2, 'up-concat-1', { sample: [2, 4, 64, 64], encoder_hidden_states: TEXT }],
    ['ddpm-cifar10', 6.2, 'up-concat-1', { sample: [1, 3, 32, 32] }],
    [
      'dit-xl-2',
      237.3,
      'residual-delta-7-21',
      { hidden_states: [2, 4, 32, 32], timestep: [2], class_labels: [2] },
    ],
    [
      'pixart-sigma-xl-2',
      6633.6,
      'residual-delta-7-21',
      {
        hidden_states: [2, 4, 128, 128],
        timestep: [2],
        encoder_hidden_states: [2, 300, 4096],
        encoder_attention_mask: [2, 300],
      },
    ],
  ])('%s', (name, billions, cut, inputDims: Record<string, number[]>) => {
    const model = built(name);
    const shapes = inferShapes(model, { inputDims });
    const { total, unknown } = countMultiplyAdds(model, shapes);
    expect(unknown).toEqual([]);
    expect(total / 1e9).toBeCloseTo(billions, 1);
    expect(findCuts(model, { inputDims })[0]!.id).toBe(cut);
  });

  test.each([
    [
      'sd-3.5-medium',
      {
        hidden_states: [1, 16, 64, 64],
        encoder_hidden_states: [1, 154, 4096],
        pooled_projections: [1, 2048],
      },
      [1, 16, 64, 64],
    ],
    [
      'flux-schnell',
      {
        hidden_states: [1, 1024, 64],
        encoder_hidden_states: [1, 256, 4096],
        pooled_projections: [1, 768],
        txt_ids: [256, 3],
        img_ids: [1024, 3],
      },
      [1, 1024, 64],
    ],
  ])('%s has no operator whose shape is not known', (name, dims, expected) => {
    const model = built(name);
    const shapes = inferShapes(model, { inputDims: { ...dims, timestep: [1] } });
    expect(countMultiplyAdds(model, shapes).unknown).toEqual([]);
    expect(shapes.get('out_hidden_states')?.dims).toEqual(expected);
  });
});
