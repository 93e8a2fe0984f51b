import { createNodeRuntime } from '@cachequant/runtime-node';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { parseRecipe } from '../recipe.js';
import { prepareSource } from './prepare.js';
import { prepareImages } from './prepare-images.js';

describe('prepareSource(source, recipe)', () => {
  it('takes no latents for pixels', async () => {
    const source = await modelCopy('tiny/ddpm-unet', { 'vqvae/model.onnx': 'x' });
    await expect(prepareSource(source, parseRecipe({}))).rejects.toThrow('the pictures are made by vqvae');
  });

  it.each([
    [0, 1],
    [0.5, 1],
    [1, 1],
    [1.01, 2],
  ])('at a guidance scale of %d calibrates batches of %d', async (guidanceScale, batch) => {
    const recipe = parseRecipe({ guidanceScale, calibrationImages: 1, verificationImages: 1 });
    const prepared = await prepareSource(modelStorage('fashion-sd'), recipe);
    expect(prepared.batch).toBe(batch);
    const runtime = await createNodeRuntime();
    const { calibration, verification } = await prepareImages(prepared, runtime, recipe, {});
    await runtime.dispose();
    for (const { unconditional } of [...calibration, ...verification]) {
      expect(unconditional !== undefined).toBe(batch === 2);
    }
  });
});
