import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { findGraph } from './find-graph.js';
import { openModelFolder } from './model-folder.js';

async function files(...paths: string[]): Promise<Storage> {
  const storage = memoryStorage();
  for (const path of paths) await writeFile(storage, path, 'x');
  return storage;
}

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 3438167536\n`;

describe('findGraph(storage, folder)', () => {
  it.each([
    [['unet/model.onnx', 'unet/model_quantized.onnx'], 'unet/model.onnx'],
    [['unet/onnx/model.onnx', 'unet/onnx/model.onnx_data'], 'unet/onnx/model.onnx'],
    [['unet/config.json'], undefined],
    [['vae/model.onnx', 'unet2/model.onnx'], undefined],
  ])('finds among %j %s', async (paths, found) => {
    expect(await findGraph(await files(...paths), 'unet')).toBe(found);
  });

  it.each([
    [['unet/model_quantized.onnx'], 'unet/model_quantized.onnx', /another precision/],
    [['unet/onnx/model_fp16.onnx'], 'unet/onnx/model_fp16.onnx', /float32 graph/],
    [['unet/unet.onnx', 'unet/weights.pb'], 'unet/unet.onnx', /Rename it to unet\/model.onnx/],
  ])('says of %j that the graph has another name', async (paths, got, hint) => {
    await expect(findGraph(await files(...paths), 'unet')).rejects.toMatchObject({
      code: 'storage',
      expected: 'unet/model.onnx',
      got,
      hint: expect.stringMatching(hint),
    });
  });

  it.each(['unet/model.onnx.data', 'unet/onnx/model.onnx_data'])(
    'says of %s alone that its graph is missing',
    async (path) => {
      await expect(findGraph(await files(path), 'unet')).rejects.toMatchObject({
        where: path,
        expected: path.replace(/[._]data$/, ''),
        message: expect.stringContaining('weights and no graph'),
      });
    },
  );

  it('calls a Git LFS pointer one', async () => {
    const storage = await modelCopy('fashion-sd', { 'unet/model.onnx': POINTER });
    await expect(openModelFolder(storage)).rejects.toThrow(/^unet\/model.onnx: this is a Git LFS pointer/);
    const config = await modelCopy('fashion-sd', { 'unet/config.json': POINTER });
    await expect(openModelFolder(config)).rejects.toThrow(/^unet\/config.json: this is a Git LFS pointer/);
  });
});

describe('openModelFolder', () => {
  it('takes graphs in onnx/ of each part, with the configuration beside them or above', async () => {
    const source = modelStorage('fashion-sd');
    const moved = memoryStorage();
    for (const path of await source.list()) {
      const place = path.replace(/^([^/]+)\/model\.onnx$/, '$1/onnx/model.onnx');
      await writeFile(moved, place, await source.read(path));
    }
    const [found, usual] = [await openModelFolder(moved), await openModelFolder(source)];
    expect(found.denoiser).toEqual({ ...usual.denoiser, model: 'unet/onnx/model.onnx' });
    expect(found.vaeDecoder).toEqual({ ...usual.vaeDecoder, model: 'vae_decoder/onnx/model.onnx' });
    expect(found.textEncoder).toEqual({ ...usual.textEncoder, model: 'text_encoder/onnx/model.onnx' });
  });

  it.each([
    ['fashion-sd', 'unet/config.json', 2],
    ['tiny/sdxl-unet', 'config.json', 2],
    ['tiny/dit', 'config.json', 2],
  ])(
    'of %s without %s tells from the graph that sizes are multiples of %i',
    async (name, config, multiple) => {
      const { denoiser } = await openModelFolder(await modelCopy(name, { [config]: undefined }));
      expect(denoiser.config).toMatchObject({ in_channels: 4, size_multiple: multiple });
      const usual = (await openModelFolder(modelStorage(name))).denoiser.config;
      expect(usual.patch_size ?? 2 ** (usual.down_block_types!.length - 1)).toBe(multiple);
    },
  );
});
