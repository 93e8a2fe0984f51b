import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { openModelFolder } from './model-folder.js';

describe('openModelFolder(storage)', () => {
  it('reads the layout that optimum writes', async () => {
    const folder = await openModelFolder(modelStorage('fashion-sd'));
    expect(folder.denoiser).toMatchObject({
      model: 'unet/model.onnx',
      config: { in_channels: 4, sample_size: 16 },
    });
    expect(folder.vaeDecoder).toMatchObject({
      model: 'vae_decoder/model.onnx',
      config: { shift_factor: null },
    });
    expect(folder.vaeDecoder!.config.scaling_factor).toBeGreaterThan(0);
    expect(folder.textEncoder).toMatchObject({ config: { max_position_embeddings: 16 } });
    expect(folder.tokenizer).toBe('tokenizer');
    expect(folder.scheduler).toMatchObject({ _class_name: 'PNDMScheduler', steps_offset: 1 });
  });

  it.each(['dit', 'ddpm-unet', 'sdxl-unet', 'sd-unet-float-timestep'])(
    'opens %s, a single denoiser',
    async (name) => {
      const folder = await openModelFolder(modelStorage(`tiny/${name}`));
      expect(folder.denoiser.model).toBe('model.onnx');
      expect(folder.denoiser.config.in_channels).toBeGreaterThan(0);
      expect([folder.index, folder.textEncoder, folder.vaeDecoder, folder.scheduler]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
    },
  );

  it('finds the denoiser of a bundle', async () => {
    const storage = await modelCopy('fashion-sd', { 'unet/model.onnx': undefined, 'denoiser/full.onnx': '' });
    expect((await openModelFolder(storage)).denoiser.model).toBe('denoiser/full.onnx');
  });

  it('reads a scheduler configuration in which Python wrote -Infinity', async () => {
    const json = '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}';
    const storage = await modelCopy('fashion-sd', { 'scheduler/scheduler_config.json': json });
    expect((await openModelFolder(storage)).scheduler!.lambda_min_clipped).toBe(Number.NEGATIVE_INFINITY);
  });

  it('says that a folder without a model is none', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'notes.txt', 'hello');
    await expect(openModelFolder(storage)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('the folder holds no diffusion model'),
    });
    await expect(openModelFolder(modelStorage('no-such-folder'))).rejects.toThrow(
      /no-such-folder: .* no diffusion/,
    );
  });

  it('says which PyTorch weights are read', async () => {
    const storage = await modelCopy('fashion-sd', { 'unet/model.onnx': undefined });
    await writeFile(storage, 'unet/diffusion_pytorch_model.bin', '');
    await expect(openModelFolder(storage)).rejects.toThrow('pickles (.bin, .ckpt) are not');
  });

  it('says which file of weights is damaged', async () => {
    const storage = await modelCopy('fashion-sd', { 'unet/model.onnx': undefined });
    await writeFile(storage, 'unet/diffusion_pytorch_model.safetensors', '');
    await expect(openModelFolder(storage)).rejects.toThrow(
      'unet/diffusion_pytorch_model.safetensors: the file is not safetensors, or was cut off',
    );
  });

  it.each([
    ['vae_decoder/model.onnx', 'vae_decoder/model.onnx'],
    ['vae_decoder/config.json', 'vae_decoder/config.json'],
    ['text_encoder/model.onnx', 'text_encoder/model.onnx'],
    ['scheduler/scheduler_config.json', 'scheduler/scheduler_config.json'],
  ])('names %s when it is missing', async (path, where) => {
    const storage = await modelCopy('fashion-sd', { [path]: undefined });
    await expect(openModelFolder(storage)).rejects.toMatchObject({ code: 'storage', where });
  });

  it('misses the tokenizer of a text encoder', async () => {
    const files = { 'tokenizer/tokenizer.json': undefined, 'tokenizer/tokenizer_config.json': undefined };
    const storage = await modelCopy('fashion-sd', files);
    await expect(openModelFolder(storage)).rejects.toThrow('vocab.json and merges.txt');
  });

  it.each([
    ['model_index.json', '{"_class_name": ', 'the file is not JSON'],
    ['model_index.json', '[]', 'the content is not valid'],
    ['unet/config.json', '{"in_channels": "four"}', 'in_channels is not valid'],
    ['vae_decoder/config.json', '{"scaling_factor": 0}', 'scaling_factor is not valid'],
    ['scheduler/scheduler_config.json', '{"_class_name": 3}', '_class_name is not valid'],
    ['text_encoder/config.json', '<html>', 'the file is not JSON'],
  ])('says what is wrong with %s holding %s', async (path, content, message) => {
    const storage = await modelCopy('fashion-sd', { [path]: content });
    await expect(openModelFolder(storage)).rejects.toMatchObject({
      code: 'invalid-argument',
      where: path,
      message: expect.stringContaining(message),
    });
  });
});
