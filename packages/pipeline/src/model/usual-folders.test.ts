import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from '../generate/generator.js';
import { openModelFolder } from './model-folder.js';

/** models/fashion-sd with other names of folders. */
async function renamed(folders: Readonly<Record<string, string>>): Promise<Storage> {
  const source = modelStorage('fashion-sd');
  const copy = memoryStorage();
  for (const path of await source.list()) {
    const [folder = '', ...rest] = path.split('/');
    await writeFile(copy, [folders[folder] ?? folder, ...rest].join('/'), await source.read(path));
  }
  return copy;
}

describe('openModelFolder of latent diffusion as it was exported', () => {
  it('takes vqvae/ for the decoder and bert/ for the text encoder', async () => {
    const folder = await openModelFolder(await renamed({ vae_decoder: 'vqvae', text_encoder: 'bert' }));
    expect(folder.vaeDecoder?.model).toBe('vae_decoder/model.onnx');
    expect(folder.textEncoder?.model).toBe('text_encoder/model.onnx');
    expect(await folder.storage.list('vqvae')).toEqual([]);
    expect(await folder.storage.list('vae_decoder')).toContain('vae_decoder/config.json');
  });

  it('draws the same', async () => {
    const runtime = await createNodeRuntime({ threads: 1 });
    const request = { prompt: 'a red sneaker', seed: 7, steps: 2 };
    const pictures = [];
    for (const storage of [
      modelStorage('fashion-sd'),
      await renamed({ vae_decoder: 'vqvae', text_encoder: 'bert' }),
    ]) {
      const generator = await createGenerator({ storage, runtime });
      pictures.push((await generator.generate(request)).images[0]!.rgb);
      await generator.dispose();
    }
    expect(pictures[1]).toEqual(pictures[0]);
    await runtime.dispose();
  });

  it('says which graph is missing in a folder that has another one', async () => {
    const storage = await modelCopy('fashion-sd', {
      'vae_decoder/model.onnx': undefined,
      'vae_decoder/config.json': undefined,
      'vqvae/decoder.onnx': 'x',
    });
    await expect(openModelFolder(storage)).rejects.toThrow(/another name.*vqvae\/model.onnx/);
  });

  it('leaves a folder alone that has both names', async () => {
    const storage = await modelCopy('fashion-sd', { 'vqvae/model.onnx': 'x' });
    const folder = await openModelFolder(storage);
    expect(await folder.storage.list('vqvae')).toEqual(['vqvae/model.onnx']);
  });
});
