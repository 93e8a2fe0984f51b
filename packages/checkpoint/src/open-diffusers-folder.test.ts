import { memoryStorage, storageFolder, writeFile } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { encodeSafetensors } from './__fixtures__/encode-safetensors.js';
import { openDiffusersFolder } from './index.js';

const weights = (value: number) =>
  encodeSafetensors({ w: { dtype: 'U8', shape: [1], bytes: Uint8Array.of(value) } });

const FILES: Record<string, string | Uint8Array> = {
  'model_index.json': JSON.stringify({
    _class_name: 'StableDiffusionPipeline',
    _diffusers_version: '0.42.1',
    requires_safety_checker: [null, null],
    safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
    scheduler: ['diffusers', 'DDIMScheduler'],
    text_encoder: ['transformers', 'CLIPTextModel'],
    tokenizer: ['transformers', 'CLIPTokenizer'],
    unet: ['diffusers', 'UNet2DConditionModel'],
  }),
  'safety_checker/config.json': '{}',
  'scheduler/scheduler_config.json': '{"x": -Infinity}',
  'text_encoder/config.json': '{"model_type":"clip_text_model"}',
  'text_encoder/model.safetensors': weights(1),
  'tokenizer/tokenizer_config.json': '{}',
  'unet/config.json': '{"in_channels":4}',
  'unet/diffusion_pytorch_model.fp16.safetensors': weights(2),
  'unet/diffusion_pytorch_model.safetensors': weights(3),
};

async function folderWith(changes: Record<string, string | Uint8Array | undefined> = {}) {
  const storage = memoryStorage();
  for (const [path, content] of Object.entries({ ...FILES, ...changes })) {
    if (content !== undefined) await writeFile(storage, `model/${path}`, content);
  }
  return storage;
}

const values = async ({ components }: Awaited<ReturnType<typeof openDiffusersFolder>>) => {
  const read = [...components].map(async ([part, one]) => [part, (await one.weights.read('w'))[0]] as const);
  return Object.fromEntries(await Promise.all(read));
};

describe('openDiffusersFolder(storage, folder)', () => {
  test('opens the parts that have weights, in the variant that is asked for where they have it', async () => {
    const storage = await folderWith();
    const model = await openDiffusersFolder(storage, 'model');
    expect(model.components.get('unet')?.config).toEqual({ in_channels: 4 });
    expect(model.modelIndex?._class_name).toBe('StableDiffusionPipeline');
    expect(await values(model)).toEqual({ text_encoder: 1, unet: 3 });
    expect(await values(await openDiffusersFolder(storage, 'model', { variant: 'fp16' }))).toEqual({
      text_encoder: 1,
      unet: 2,
    });
  });

  test('opens a folder of one part, at the root too', async () => {
    const storage = storageFolder(await folderWith(), 'model/unet');
    const { components, modelIndex } = await openDiffusersFolder(storage);
    expect([...components.keys()]).toEqual(['']);
    expect(modelIndex).toBeUndefined();
  });

  test('refuses parts of pickles, malformed configurations and other folders', async () => {
    const pickles = { 'text_encoder/model.safetensors': undefined, 'text_encoder/pytorch_model.bin': 'PK' };
    await expect(openDiffusersFolder(await folderWith(pickles), 'model')).rejects.toThrow(
      /model\/text_encoder.*pickles/,
    );
    await expect(
      openDiffusersFolder(await folderWith({ 'unet/config.json': '[' }), 'model'),
    ).rejects.toMatchObject({
      code: 'checkpoint-format',
      where: 'model/unet/config.json',
    });
    await expect(openDiffusersFolder(memoryStorage(), 'x')).rejects.toThrow(
      /x\/config\.json: there is no such file/,
    );
  });
});
