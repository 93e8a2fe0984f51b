import type { HttpStorage } from '@cachequant/runtime-web';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, test } from 'vitest';
import { modelFolderFiles } from './model-folder-files.js';

/** A server's folder; `find` says which of the paths it has. */
async function folder(files: Readonly<Record<string, string>>): Promise<HttpStorage> {
  const storage = memoryStorage();
  for (const [path, text] of Object.entries(files)) await writeFile(storage, path, text);
  const find = async (paths: readonly string[]) =>
    Object.fromEntries(paths.filter((path) => path in files).map((path) => [path, { size: 1 }]));
  return { ...storage, find } as unknown as HttpStorage;
}

test('modelFolderFiles(storage) refuses an index that is nested too deep, or no JSON, and names it', async () => {
  for (const [text, message] of [
    ['['.repeat(1e6), 'model_index.json: the JSON is nested too deep'],
    ['<html>', 'model_index.json: the file is not JSON'],
  ] as const) {
    await expect(modelFolderFiles(await folder({ 'model_index.json': text }))).rejects.toThrow(message);
  }
});

test('modelFolderFiles(storage) finds the files of the parts that the index names', async () => {
  const files = { 'model_index.json': '{"unet":["diffusers","UNet2DModel"]}', 'unet/model.onnx': '' };
  expect(Object.keys(await modelFolderFiles(await folder(files)))).toEqual(Object.keys(files));
});

const WEIGHTS = { 'unet/config.json': '{}', 'scheduler/scheduler_config.json': '{}' };
const INDEX =
  '{"unet":["diffusers","UNet2DModel"],"scheduler":["diffusers","DDIMScheduler"],"safety_checker":["a","SafetyChecker"]}';

test.each([
  [
    'safetensors in half precision, where there is a choice',
    { 'unet/diffusion_pytorch_model.fp16.safetensors': '' },
    {
      'unet/diffusion_pytorch_model.safetensors': '',
      'safety_checker/model.safetensors': '',
    },
  ],
  [
    'safetensors in parts',
    {
      'unet/diffusion_pytorch_model.safetensors.index.json':
        '{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}',
      'unet/1.safetensors': '',
      'unet/2.safetensors': '',
    },
    {},
  ],
  [
    'graphs, where a part has both',
    { 'unet/model.onnx': '', 'unet/model.onnx_data': '' },
    { 'unet/diffusion_pytorch_model.safetensors': '' },
  ],
])('modelFolderFiles(storage) finds %s', async (_, taken, left) => {
  const files = { 'model_index.json': INDEX, ...WEIGHTS, ...taken };
  const found = await modelFolderFiles(await folder({ ...files, ...left }));
  expect(Object.keys(found).sort()).toEqual(Object.keys(files).sort());
});

test('modelFolderFiles(storage) finds both tokenizers and text encoders, and the autoencoder by its own name', async () => {
  const index = {
    tokenizer_2: ['transformers', 'CLIPTokenizer'],
    text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
    vae: ['diffusers', 'AutoencoderKL'],
  };
  const files = {
    'model_index.json': JSON.stringify(index),
    'tokenizer_2/tokenizer.json': '{}',
    'text_encoder_2/config.json': '{}',
    'text_encoder_2/model.safetensors': '',
    'vae/config.json': '{}',
    'vae/diffusion_pytorch_model.safetensors': '',
  };
  expect(Object.keys(await modelFolderFiles(await folder(files))).sort()).toEqual(Object.keys(files).sort());
});

test('modelFolderFiles(storage) asks for nothing that another file rules out', async () => {
  const files = {
    'model_index.json': JSON.stringify({
      unet: ['diffusers', 'UNet2DConditionModel'],
      tokenizer: ['transformers', 'CLIPTokenizer'],
      tokenizer_2: ['transformers', 'CLIPTokenizer'],
      safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
    }),
    'unet/model.onnx': '',
    'unet/model.onnx_data': '',
    'unet/config.json': '{}',
    'tokenizer/tokenizer.json': '{}',
    'tokenizer/tokenizer_config.json': '{}',
    'tokenizer_2/vocab.json': '{}',
    'tokenizer_2/merges.txt': '',
  };
  const storage = await folder(files);
  const missing: string[] = [];
  const find: HttpStorage['find'] = async (paths) => {
    missing.push(...paths.filter((path) => !(path in files)));
    return storage.find(paths);
  };
  expect(Object.keys(await modelFolderFiles({ ...storage, find })).sort()).toEqual(Object.keys(files).sort());
  expect(missing.sort()).toEqual([
    'safety_checker/model.onnx',
    'tokenizer/special_tokens_map.json',
    'tokenizer_2/special_tokens_map.json',
    'tokenizer_2/tokenizer.json',
    'tokenizer_2/tokenizer_config.json',
    'tokenizer_2/vocab.txt',
  ]);
});

test('modelFolderFiles(storage) asks for no weights beside a graph that has its own', async () => {
  const asked: string[] = [];
  const sizes: Record<string, number> = { 'model.onnx': 2 ** 30 };
  const find: HttpStorage['find'] = async (paths) => {
    asked.push(...paths);
    return Object.fromEntries(
      paths.flatMap((path) => (path in sizes ? [[path, { bytes: sizes[path]! }]] : [])),
    );
  };
  await modelFolderFiles({ find } as HttpStorage);
  expect(asked).toEqual(['model_index.json', 'model.onnx', 'config.json']);
});
