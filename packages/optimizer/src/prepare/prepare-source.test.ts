import { encodeModel, type OnnxModel, parseModel, weightOf } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { elementCount, type Storage, tensor, writeFile } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
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
    const runtime = await createNodeRuntime();
    const { calibration, verification } = await prepareImages(prepared, runtime, recipe, {});
    await runtime.dispose();
    for (const { unconditional } of [...calibration, ...verification]) {
      expect(unconditional !== undefined).toBe(batch === 2);
    }
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
      'half precision',
      ({ graph }) => {
        const [name, weight] = [...graph.initializers].find(([, { dtype }]) => dtype === 'float32')!;
        const values = new Uint16Array(elementCount(weight.dims));
        graph.initializers.set(name, weightOf(tensor('float16', weight.dims, values), name));
      },
      /only float32 denoisers can be optimized.*got float16/,
    ],
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
      'a mask and a masked picture beside the noise',
      ({ graph }) => {
        const sample = graph.inputs.find(({ name }) => name === 'sample')!;
        graph.inputs[graph.inputs.indexOf(sample)] = { ...sample, dims: ['batch', 9, 'height', 'width'] };
      },
      /input sample: the denoiser also takes a mask .*inpainting \(expected 4 channels.*got 9 channels\)/,
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
