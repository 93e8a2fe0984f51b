import { memoryStorage, writeFile } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { encodeSafetensors } from './__fixtures__/encode-safetensors.js';
import { findWeightFiles, openWeights } from './index.js';

const tensor = (value: number) => ({ dtype: 'U8', shape: [1], bytes: Uint8Array.of(value) });
const one = (name: string, value: number) => encodeSafetensors({ [name]: tensor(value) });

async function storageWith(files: Record<string, Uint8Array | string>) {
  const storage = memoryStorage();
  for (const [path, content] of Object.entries(files)) await writeFile(storage, path, content);
  return storage;
}

const index = (places: unknown) => JSON.stringify({ metadata: { total_size: 2 }, weight_map: places });

describe('openWeights(storage, folder)', () => {
  test('takes the plain file, a variant that is asked for, or the only one that there is', async () => {
    const files = {
      'unet/diffusion_pytorch_model.safetensors': one('a', 1),
      'unet/diffusion_pytorch_model.fp16.safetensors': one('a', 2),
      'vae/diffusion_pytorch_model.fp16.safetensors': one('a', 3),
    };
    const storage = await storageWith(files);
    expect(await (await openWeights(storage, 'unet')).read('a')).toEqual(Uint8Array.of(1));
    expect(await (await openWeights(storage, 'unet', { variant: 'fp16' })).read('a')).toEqual(
      Uint8Array.of(2),
    );
    expect(await (await openWeights(storage, 'vae')).read('a')).toEqual(Uint8Array.of(3));
    await expect(openWeights(storage, 'unet', { variant: 'bf16' })).rejects.toThrow(
      /one of fp16, none, got bf16/,
    );
  });

  test('gives the attention of old autoencoders the names of today', async () => {
    const place = 'decoder.mid_block.attentions.0';
    const old = (name: string, shape: number[]) => ({ [`${place}.${name}`]: { ...tensor(7), shape } });
    const tensors = {
      ...old('query.weight', [1, 1]),
      ...old('key.bias', [1]),
      ...old('value.weight', [1, 1, 1, 1]),
      ...old('proj_attn.weight', [1, 1]),
      ...old('group_norm.weight', [1]),
    };
    const storage = await storageWith({ 'model.safetensors': encodeSafetensors(tensors) });
    const weights = await openWeights(storage);
    expect([...weights.names()].map((name) => [name.slice(place.length + 1), weights.shapeOf(name)])).toEqual(
      [
        ['to_q.weight', [1, 1]],
        ['to_k.bias', [1]],
        ['to_v.weight', [1, 1]],
        ['to_out.0.weight', [1, 1]],
        ['group_norm.weight', [1]],
      ],
    );
    expect(weights.location(`${place}.to_v.weight`)?.length).toBe(1);
  });

  test('puts parts together by their index', async () => {
    const storage = await storageWith({
      'model.safetensors.index.json': index({
        a: 'model-00001-of-00002.safetensors',
        b: 'model-00002-of-00002.safetensors',
      }),
      'model-00001-of-00002.safetensors': one('a', 1),
      'model-00002-of-00002.safetensors': one('b', 2),
    });
    const weights = await openWeights(storage);
    expect([...weights.names()]).toEqual(['a', 'b']);
    expect(await weights.read('b')).toEqual(Uint8Array.of(2));
    expect(weights.location('b')?.source.name).toBe('model-00002-of-00002.safetensors');
  });

  test.each([
    ['a part that is missing', index({ a: 'm-00002-of-00002.safetensors' }), /no such file/],
    ['a weight that its part does not hold', index({ b: 'm-00001-of-00001.safetensors' }), /not in the file/],
    ['a path out of the folder', index({ a: '../x.safetensors' }), /no \.safetensors file of this folder/],
    ['no map', '{"metadata":{}}', /no weight_map/],
    ['broken JSON', '{', /not JSON/],
    [
      'a weight twice',
      '{"weight_map":{"a":"m-00001-of-00001.safetensors","a":"x.safetensors"}}',
      /key twice/,
    ],
  ])('refuses an index with %s', async (_what, text, message) => {
    const storage = await storageWith({
      'model.safetensors.index.json': text,
      'm-00001-of-00001.safetensors': one('a', 1),
    });
    await expect(openWeights(storage)).rejects.toThrow(message);
  });

  test('refuses pickles with the way out, under any name', async () => {
    const bin = await storageWith({ 'unet/diffusion_pytorch_model.bin': 'PK\x03\x04' });
    await expect(openWeights(bin, 'unet')).rejects.toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('.safetensors'),
    });
    for (const start of [
      [0x50, 0x4b, 3, 4],
      [0x80, 2],
    ]) {
      const named = await storageWith({ 'model.safetensors': Uint8Array.of(...start, 0, 0, 0, 0, 0, 0, 0) });
      await expect(openWeights(named)).rejects.toThrow(/PyTorch pickle.*safetensors\.torch/s);
    }
    const page = await storageWith({ 'model.safetensors': '<!doctype html>' });
    await expect(openWeights(page)).rejects.toThrow(/a web page/);
    await expect(openWeights(await storageWith({ 'unet/config.json': '{}' }), 'unet')).rejects.toThrow(
      /no weights.*config\.json/,
    );
  });
});

test('findWeightFiles knows the names of diffusers and transformers, old and new', () => {
  const names = [
    'config.json',
    'diffusion_pytorch_model.safetensors',
    'diffusion_pytorch_model.non_ema.safetensors',
    'diffusion_pytorch_model-00001-of-00002.safetensors',
    'diffusion_pytorch_model.fp16-00001-of-00002.safetensors',
    'diffusion_pytorch_model.safetensors.index.json',
    'diffusion_pytorch_model.safetensors.index.fp16.json',
    'diffusion_pytorch_model.fp16.safetensors.index.json',
    'adapter.safetensors',
  ];
  expect(findWeightFiles(names).map(({ sharded, variant }) => [sharded, variant])).toEqual([
    [false, undefined],
    [false, 'non_ema'],
    [true, undefined],
    [true, 'fp16'],
    [true, 'fp16'],
  ]);
  expect(findWeightFiles(['my-model.safetensors'])).toEqual([
    { path: 'my-model.safetensors', sharded: false, variant: undefined },
  ]);
});
