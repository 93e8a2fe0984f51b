import { readModel } from '@cachequant/onnx';
import { finish } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { makeDenoiserGraphs } from './denoiser-graphs.js';

const inputDims = { sample: [2, 4, 16, 16], timestep: [], encoder_hidden_states: [2, 16, 64] };

describe('makeDenoiserGraphs(model, sizes)', () => {
  it('gives keys of every second position to the cached graph alone, whose cut and features stay', async () => {
    const model = await readModel(modelStorage('fashion-sd'), 'unet/model.onnx');
    const all = finish(makeDenoiserGraphs(model, { inputDims }));
    const fewer = finish(makeDenoiserGraphs(model, { inputDims, fewerCachedKeys: true }));
    expect(fewer.cut).toEqual(all.cut);
    expect(fewer.full.totalMacs).toBe(all.full.totalMacs);
    // Keys, values and both products of one attention of 16 × 16 positions are a quarter.
    const channels = 64;
    const quartered = 2 * (2 * 256 * channels * channels + 2 * 256 * 256 * channels);
    expect(all.cached.totalMacs - fewer.cached.totalMacs).toBe(0.75 * quartered);
    expect(fewer.cached.layers.map(({ id }) => id)).toEqual(all.cached.layers.map(({ id }) => id));
    expect(fewer.cached.model.graph.inputs).toEqual(all.cached.model.graph.inputs);
  });
});
