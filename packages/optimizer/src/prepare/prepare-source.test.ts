import { encodeModel, type OnnxModel, parseModel } from '@cachequant/onnx';
import { findLayers } from '@cachequant/quantizer';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { halfModel } from '../../../onnx/src/__fixtures__/half-model.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { parseRecipe } from '../recipe.js';
import { prepareImages } from './prepare-images.js';
import { prepareSource } from './prepare-source.js';

describe('prepareSource(source, recipe)', () => {
  it('takes no latents for pixels', async () => {
    const source = await modelCopy('tiny/ddpm-unet', { 'movq/model.onnx': 'x' });
    await expect(prepareSource(source, parseRecipe({}))).rejects.toThrow('the pictures are made by movq');
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
    const runtime = await createNodeRuntime({ threads: 1 });
    const { calibration, verification } = await prepareImages(prepared, runtime, recipe, {});
    await runtime.dispose();
    for (const { unconditional } of [...calibration, ...verification]) {
      expect(unconditional !== undefined).toBe(batch === 2);
    }
  });
});

describe('prepareSource on a denoiser in float16', () => {
  it.each(['float16', 'float32'] as const)('with inputs of %s takes it for a float32 one', async (io) => {
    const source = await modelCopy('fashion-sd');
    const half = await halfModel(parseModel(await source.read('unet/model.onnx')), io);
    await writeFile(source, 'unet/model.onnx', encodeModel(half));
    const recipe = parseRecipe({});
    const [{ model }, original] = await Promise.all([
      prepareSource(source, recipe),
      prepareSource(modelStorage('fashion-sd'), recipe),
    ]);
    const weights = [...model.graph.initializers.values(), ...model.graph.inputs];
    expect(weights.filter(({ dtype }) => dtype === 'float16')).toEqual([]);
    expect(findLayers(model.graph).length).toBe(findLayers(original.model.graph).length);
  });
});

describe('prepareSource refuses before anything runs', () => {
  const recipe = parseRecipe({ calibrationImages: 1, verificationImages: 1 });

  /** models/fashion-sd with another denoiser. */
  async function changed(change: (model: OnnxModel) => void): Promise<Storage> {
    const source = await modelCopy('fashion-sd');
    const model = parseModel(await source.read('unet/model.onnx'));
    change(model);
    await writeFile(source, 'unet/model.onnx', encodeModel(model));
    return source;
  }

  it.each<[string, (model: OnnxModel) => void, RegExp]>([
    ['an old opset', ({ opsetImports }) => opsetImports.set('', 11), /opset 13 or newer, got opset 11/],
    [
      'operators of a graphics card',
      ({ graph }) => {
        for (const node of graph.nodes.filter(({ opType }) => opType === 'Conv')) {
          Object.assign(node, { opType: 'NhwcConv', domain: 'com.microsoft' });
        }
      },
      /cannot be looked through.*\d+ NhwcConv.*export it again without optimizations/,
    ],
    [
      'inputs of a ControlNet',
      ({ graph }) => {
        graph.inputs.push({ ...graph.inputs[0]!, name: 'mid_block_additional_residual' });
      },
      /wants the residuals of a ControlNet/,
    ],
  ])('%s', async (_, change, message) => {
    const error = prepareSource(await changed(change), recipe);
    await expect(error).rejects.toThrow(message);
    await expect(error).rejects.toMatchObject({ code: 'unsupported' });
  });
});
