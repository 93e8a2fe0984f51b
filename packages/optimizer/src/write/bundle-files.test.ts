import { encodeModel, readModel, readWeight, widenWeights } from '@cachequant/onnx';
import { openModelFolder } from '@cachequant/pipeline';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { halfModel } from '../../../onnx/src/__fixtures__/half-model.js';
import { modelCopy } from '../__fixtures__/models.js';
import { type ModelFiles, modelFiles } from '../prepare/model-files.js';
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

  it('copies a graph in float16 as it is used, with the file that its weights lie in', async () => {
    const source = await modelCopy('fashion-sd');
    const path = 'text_encoder/model.onnx';
    const half = await halfModel(await readModel(source, path), 'float32');
    await writeFile(source, path, encodeModel(half));
    const model = await openModelFolder(source);
    const out = memoryStorage();
    await copyComponents(model.storage, out, await modelFiles(model), NOTHING_REPLACED);
    expect((await out.list('text_encoder')).filter((name) => name.includes('.onnx'))).toEqual([
      path,
      `${path}.stored`,
    ]);
    const copied = widenWeights(await readModel(out, path));
    const used = widenWeights(await readModel(model.storage, path));
    for (const [name, weight] of used.graph.initializers) {
      expect(await readWeight(copied.graph.initializers.get(name)!)).toEqual(await readWeight(weight));
    }
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
