import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { ModelFiles } from '../prepare/model-files.js';
import { copyComponents, denoiserBytes } from './bundle-files.js';

async function folder(files: Readonly<Record<string, string>>) {
  const storage = memoryStorage();
  for (const [path, content] of Object.entries(files)) await writeFile(storage, path, content);
  return storage;
}

const PIPELINE = {
  'model_index.json': '{}',
  'unet/config.json': 'unet',
  'unet/model.onnx': '12345',
  'unet/model.onnx_data': '1234567890',
  'unet/optimizer.pt': 'not of the model',
  'unet_notes.txt': 'notes',
  '.git/config': 'token',
  LICENSE: 'terms',
  'vae_decoder/model.onnx': 'vae',
  'vae_decoder/config.json': 'kept',
};
const FILES: ModelFiles = {
  denoiser: ['unet/config.json', 'unet/model.onnx', 'unet/model.onnx_data'],
  others: ['model_index.json', 'vae_decoder/config.json', 'vae_decoder/model.onnx'],
};

const NOTHING_REPLACED = { replaced: new Map<string, string>(), work: memoryStorage() };

describe('copyComponents', () => {
  it('copies what it is told and the licence, and of the denoiser its configuration', async () => {
    const out = memoryStorage();
    await copyComponents(await folder(PIPELINE), out, FILES, NOTHING_REPLACED);
    expect(await out.list()).toEqual([
      'LICENSE',
      'denoiser/config.json',
      'model_index.json',
      'vae_decoder/config.json',
      'vae_decoder/model.onnx',
    ]);
    expect(new TextDecoder().decode(await out.read('denoiser/config.json'))).toBe('unet');
  });

  it('puts the files of a part that was made again in the place of its graph, and keeps its configuration', async () => {
    const out = memoryStorage();
    const work = await folder({ 'parts/d/model.onnx': 'new graph', 'parts/d/weights.bin': 'new' });
    const replaced = new Map([['vae_decoder', 'parts/d']]);
    await copyComponents(await folder(PIPELINE), out, FILES, { replaced, work });
    expect((await out.list()).filter((path) => path.startsWith('vae_decoder/'))).toEqual([
      'vae_decoder/config.json',
      'vae_decoder/model.onnx',
      'vae_decoder/weights.bin',
    ]);
    expect(new TextDecoder().decode(await out.read('vae_decoder/model.onnx'))).toBe('new graph');
  });

  it('stops on request', async () => {
    const copying = copyComponents(await folder(PIPELINE), memoryStorage(), FILES, {
      ...NOTHING_REPLACED,
      signal: AbortSignal.abort(),
    });
    await expect(copying).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('denoiserBytes', () => {
  it('counts the graph with its weights and its configuration', async () => {
    expect(await denoiserBytes(await folder(PIPELINE), FILES)).toBe(4 + 5 + 10);
  });
});
