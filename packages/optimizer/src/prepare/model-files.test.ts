import { openModelFolder } from '@cachequant/pipeline';
import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage, writeModel } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { modelFiles } from './model-files.js';

const graph = (location?: string) =>
  writeModel({
    inputs: { x: { dtype: 'float32', dims: [1, 2] } },
    outputs: { y: { dtype: 'float32', dims: [1, 1] } },
    ...(location !== undefined && {
      external: { weight: { dtype: 'float32' as const, dims: [2, 1], location } },
    }),
    nodes: [{ op: 'MatMul', inputs: ['x', 'weight'], outputs: ['y'] }],
  });

async function pipeline(): Promise<Storage> {
  const storage = memoryStorage();
  const files: Record<string, string | Uint8Array> = {
    'model_index.json': '{"_class_name":"StableDiffusionPipeline"}',
    'unet/model.onnx': graph('weights.pb'),
    'unet/weights.pb': '12345678',
    'unet/config.json': '{}',
    'unet/diffusion_pytorch_model.bin': 'checkpoint',
    'vae_decoder/model.onnx': graph(),
    'vae_decoder/config.json': '{}',
    'text_encoder/model.onnx': graph('./model.onnx_data'),
    'text_encoder/model.onnx_data': '12345678',
    'text_encoder/config.json': '{}',
    'tokenizer/tokenizer.json': '{}',
    'text_encoder_2/onnx/model.onnx': graph(),
    'text_encoder_2/config.json': '{}',
    'tokenizer_2/merges.txt': '',
    'tokenizer/history.txt': 'of a person',
    'scheduler/scheduler_config.json': '{"_class_name":"DDIMScheduler"}',
    'safety_checker/model.onnx': 'x',
    '.env': 'token',
  };
  for (const [path, content] of Object.entries(files)) await writeFile(storage, path, content);
  return storage;
}

it('modelFiles(folder) lists graphs, the weights that they name, configurations and tokenizer, and nothing else', async () => {
  expect(await modelFiles(await openModelFolder(await pipeline()))).toEqual({
    denoiser: ['unet/config.json', 'unet/model.onnx', 'unet/weights.pb'],
    others: [
      'model_index.json',
      'scheduler/scheduler_config.json',
      'text_encoder/config.json',
      'text_encoder/model.onnx',
      'text_encoder/model.onnx_data',
      'text_encoder_2/config.json',
      'text_encoder_2/onnx/model.onnx',
      'tokenizer/tokenizer.json',
      'tokenizer_2/merges.txt',
      'vae_decoder/config.json',
      'vae_decoder/model.onnx',
    ],
  });
});

it('modelFiles(folder) refuses weights outside of the folder', async () => {
  const storage = await pipeline();
  await writeFile(storage, 'vae_decoder/model.onnx', graph('../.env'));
  const folder = await openModelFolder(storage);
  await expect(modelFiles(folder)).rejects.toMatchObject({ code: 'onnx-format' });
});
