import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { copyComponents, denoiserBytes, startBundle } from './write-bundle.js';

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
  'unet_notes.txt': 'notes',
  'vae_decoder/model.onnx': 'vae',
};
const SINGLE = {
  'config.json': 'single',
  'model.onnx': '12345',
  'model.onnx_data': '123',
  'README.md': 'text',
  'scheduler/scheduler_config.json': '{}',
};

const NOTHING_REPLACED = { replaced: new Map<string, string>(), work: memoryStorage() };

describe('copyComponents', () => {
  it('leaves the denoiser behind, but for its configuration', async () => {
    const out = memoryStorage();
    await copyComponents(await folder(PIPELINE), out, 'unet/model.onnx', NOTHING_REPLACED);
    expect(await out.list()).toEqual([
      'denoiser/config.json',
      'model_index.json',
      'unet_notes.txt',
      'vae_decoder/model.onnx',
    ]);
    expect(new TextDecoder().decode(await out.read('denoiser/config.json'))).toBe('unet');
  });

  it('does so where the denoiser lies at the top', async () => {
    const out = memoryStorage();
    await copyComponents(await folder(SINGLE), out, 'model.onnx', NOTHING_REPLACED);
    expect(await out.list()).toEqual(['denoiser/config.json', 'scheduler/scheduler_config.json']);
  });

  it('puts the files of a part that was made anew in the place of its graph, and keeps its configuration', async () => {
    const out = memoryStorage();
    const source = await folder({ ...PIPELINE, 'vae_decoder/config.json': 'kept' });
    const work = await folder({ 'parts/d/model.onnx': 'new graph', 'parts/d/weights.bin': 'new' });
    const replaced = new Map([['vae_decoder', 'parts/d']]);
    await copyComponents(source, out, 'unet/model.onnx', { replaced, work });
    expect((await out.list()).filter((path) => path.startsWith('vae_decoder/'))).toEqual([
      'vae_decoder/config.json',
      'vae_decoder/model.onnx',
      'vae_decoder/weights.bin',
    ]);
    expect(new TextDecoder().decode(await out.read('vae_decoder/model.onnx'))).toBe('new graph');
  });

  it('stops on request', async () => {
    const copying = copyComponents(await folder(SINGLE), memoryStorage(), 'model.onnx', {
      ...NOTHING_REPLACED,
      signal: AbortSignal.abort(),
    });
    await expect(copying).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('denoiserBytes', () => {
  it('counts the graph with everything that belongs to it', async () => {
    expect(await denoiserBytes(await folder(PIPELINE), 'unet/model.onnx')).toBe(4 + 5 + 10);
    expect(await denoiserBytes(await folder(SINGLE), 'model.onnx')).toBe(6 + 5 + 3);
  });
});

describe('startBundle', () => {
  it('empties the folder of a bundle, and of one that was not finished', async () => {
    const out = await folder({ 'cachequant.json': '{}', 'denoiser/full.onnx': 'x' });
    await startBundle(out);
    await writeFile(out, 'vae_decoder/model.onnx', 'half');
    await startBundle(out);
    expect(await out.list()).toEqual(['unfinished-bundle']);
  });

  it('refuses a folder with other files, and leaves them', async () => {
    const out = await folder({ 'thesis.txt': 'years of work' });
    await expect(startBundle(out)).rejects.toMatchObject({ code: 'storage', where: 'thesis.txt' });
    expect(await out.list()).toEqual(['thesis.txt']);
  });
});
