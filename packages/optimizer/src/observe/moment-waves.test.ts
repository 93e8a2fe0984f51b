import { readModel } from '@cachequant/onnx';
import { secondMomentBytes } from '@cachequant/quantizer';
import { finish } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { makeDenoiserGraphs } from '../graphs/denoiser-graphs.js';
import { LARGEST_BLOCK, momentWaves } from './moment-waves.js';
import { momentCalls } from './observe-moments.js';

const INPUT_DIMS = { sample: [2, 4, 16, 16], timestep: [], encoder_hidden_states: [2, 16, 64] };

describe('momentWaves', async () => {
  const model = await readModel(modelStorage('fashion-sd'), 'unet/model.onnx');
  const { full } = finish(makeDenoiserGraphs(model, { inputDims: INPUT_DIMS }));

  it.each([8, 64, 1024])(
    'keep second moments within %i MiB, or one site where that alone is larger',
    (mebibytes) => {
      const waves = momentWaves(full.layers, full.shapes, mebibytes * 2 ** 20);
      for (const { sites } of waves) {
        const bytes = sites.reduce((sum, { blocks }) => sum + 2 * secondMomentBytes(blocks), 0);
        if (sites.length > 1) expect(bytes).toBeLessThanOrEqual(mebibytes * 2 ** 20);
      }
      expect(waves.length > 1).toBe(mebibytes < 1024);
    },
  );

  it('hold every layer once, those that read the same rows with one site', () => {
    const waves = momentWaves(full.layers, full.shapes, 16 * 2 ** 20);
    const ids = waves.flatMap(({ siteOf }) => [...siteOf.keys()]);
    expect(ids.sort()).toEqual(full.layers.map(({ id }) => id).sort());
    expect(waves.reduce((sum, { sites }) => sum + sites.length, 0)).toBe(85);
    for (const { sites, siteOf } of waves) {
      for (const [id, site] of siteOf) {
        const layer = full.layers.find((candidate) => candidate.id === id)!;
        const { patches, blocks } = sites[site]!;
        expect(patches.input).toBe(layer.input);
        expect(blocks.reduce((sum, { size }) => sum + size, 0)).toBe(layer.inputs);
        expect(Math.max(...blocks.map(({ size }) => size))).toBeLessThanOrEqual(LARGEST_BLOCK);
      }
    }
  });
});

describe('momentCalls', () => {
  it.each([
    [1, [0]],
    [2, [0, 1]],
    [17, Array.from({ length: 17 }, (_, i) => i)],
    [51, [0, 3, 6, 9, 13, 16, 19, 22, 25, 28, 31, 34, 38, 41, 44, 47, 50]],
  ])('of %i calls are evenly spread, the first and the last among them', (calls, expected) => {
    expect(momentCalls(calls)).toEqual(expected);
  });
});
