import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeAsCheckpoint } from '../__fixtures__/as-checkpoint.js';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from '../generate/generator.js';
import { checkpointFolder } from './checkpoint-folder.js';
import { modelSource } from './load-graph.js';
import { openModelFolder } from './model-folder.js';

let folder: string;
let runtime: Runtime;
let exported: Uint8Array;
const request = { prompt: 'a photo of a red sneaker', seed: 7, steps: 6 };

async function picture(storage: Storage) {
  const generator = await createGenerator({ storage, runtime });
  const { images } = await generator.generate(request);
  await generator.dispose();
  return images[0]!.rgb;
}

/** The largest difference of two pictures, in levels of 255. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, at) => Math.abs(value - b[at]!)));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cachequant-checkpoint-'));
  runtime = await createNodeRuntime({ threads: 1 });
  exported = await picture(modelStorage('fashion-sd'));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

describe('createGenerator on a folder of safetensors', () => {
  it('draws what the exported model draws, to one level of 255', async () => {
    const storage = nodeStorage(join(folder, 'float32'));
    await writeAsCheckpoint(modelStorage('fashion-sd'), storage);
    const files = await storage.list();
    expect(difference(await picture(storage), exported)).toBeLessThanOrEqual(1);
    expect(await storage.list()).toEqual(files);
  });

  it('makes the same picture from half precision, up to its rounding', async () => {
    const storage = nodeStorage(join(folder, 'float16'));
    await writeAsCheckpoint(modelStorage('fashion-sd'), storage, 'F16');
    expect(difference(await picture(storage), exported)).toBeLessThanOrEqual(16);
  });

  it('makes the same picture from memory', async () => {
    const storage = memoryStorage();
    await writeAsCheckpoint(modelStorage('fashion-sd'), storage);
    expect(difference(await picture(storage), exported)).toBeLessThanOrEqual(1);
  });
});

describe('checkpointFolder', () => {
  const checkpoint = async (): Promise<Storage> => {
    const storage = memoryStorage();
    await writeAsCheckpoint(modelStorage('fashion-sd'), storage);
    return storage;
  };

  it('gives undefined for an exported model', async () => {
    expect(await checkpointFolder(modelStorage('fashion-sd'))).toBeUndefined();
  });

  it('shows graphs, with the configuration and the weights beside them', async () => {
    const layered = (await checkpointFolder(await checkpoint()))!;
    expect(await layered.list('vae_decoder')).toEqual([
      'vae_decoder/config.json',
      'vae_decoder/diffusion_pytorch_model.safetensors',
      'vae_decoder/model.onnx',
    ]);
    expect(await layered.list('vae')).toEqual([]);
    expect(await readText(layered, 'vae_decoder/config.json')).toBe(
      await readText(layered, 'vae/config.json'),
    );
    const { size } = (await layered.stat('unet/model.onnx'))!;
    expect(size).toBe((await layered.read('unet/model.onnx')).byteLength);
    expect(size).toBeLessThan(300_000);
  });

  it('leaves the weights on the disk for a runtime that opens files', async () => {
    const place = join(folder, 'located');
    await writeAsCheckpoint(modelStorage('fashion-sd'), nodeStorage(place));
    const layered = (await checkpointFolder(nodeStorage(place)))!;
    const source = await modelSource(layered, 'vae_decoder/model.onnx');
    const { size } = (await layered.stat('vae_decoder/model.onnx'))!;
    expect(source).toEqual({
      bytes: expect.objectContaining({ byteLength: size }),
      externalFolder: join(place, 'vae').replaceAll('\\', '/'),
    });
  });

  it('names a class that it cannot build', async () => {
    const storage = await checkpoint();
    await writeFile(storage, 'unet/config.json', JSON.stringify({ _class_name: 'UNet3DConditionModel' }));
    await expect(openModelFolder(storage)).rejects.toThrow(/UNet3DConditionModel/);
  });

  it('names what a configuration asks for and the builder does not know', async () => {
    const storage = await checkpoint();
    const config = JSON.parse(await readText(storage, 'unet/config.json'));
    await writeFile(storage, 'unet/config.json', JSON.stringify({ ...config, attention_type: 'gated' }));
    await expect(openModelFolder(storage)).rejects.toThrow(/'attention_type'/);
  });
});
