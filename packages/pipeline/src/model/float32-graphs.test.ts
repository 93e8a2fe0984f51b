import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModel, writeModel } from '@cachequant/onnx';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Runtime, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { halfModel } from '../../../onnx/src/__fixtures__/half-model.js';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from '../generate/generator.js';
import { float32Graphs } from './float32-graphs.js';
import { modelSource } from './load-graph.js';
import { openModelFolder } from './model-folder.js';

const PARTS = ['unet', 'vae_decoder', 'text_encoder'].map((part) => `${part}/model.onnx`);

/** models/fashion-sd with all graphs in float16. */
async function writeHalf(io: 'float16' | 'float32', storage: Storage): Promise<Storage> {
  const original = modelStorage('fashion-sd');
  for (const path of await original.list()) {
    if (!PARTS.includes(path)) await writeFile(storage, path, await original.read(path));
    else await writeModel(storage, path, await halfModel(await readModel(original, path), io));
  }
  return storage;
}

let runtime: Runtime;
let root: string;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  root = await realpath(await mkdtemp(join(tmpdir(), 'cachequant-half-')));
}, 60_000);
afterAll(async () => {
  await runtime.dispose();
  await rm(root, { recursive: true });
});

async function picture(storage: Storage) {
  const generator = await createGenerator({ storage, runtime });
  const { images } = await generator.generate({ prompt: 'a photo of a red sneaker', seed: 7, steps: 6 });
  await generator.dispose();
  return images[0]!.rgb;
}

describe('openModelFolder on graphs in float16', { timeout: 180_000 }, () => {
  it.each([
    ['float16', () => memoryStorage()],
    ['float32', () => nodeStorage(join(root, 'float32'))],
  ] as const)('with inputs and outputs of %s draws the picture of the float32 graphs', async (io, make) => {
    const rgb = await picture(await writeHalf(io, make()));
    const original = await picture(modelStorage('fashion-sd'));
    const differences = Array.from(rgb, (value, i) => Math.abs(value - original[i]!));
    // As from safetensors in half precision: the weights are rounded alike.
    expect(Math.max(...differences)).toBeLessThanOrEqual(16);
  });

  it('leaves the weights in the file, which is not read into memory', async () => {
    const half = await writeHalf('float16', nodeStorage(join(root, 'float16')));
    const { storage } = await openModelFolder(half);
    const source = await modelSource(storage, 'unet/model.onnx');
    expect(source).toEqual({
      bytes: expect.any(Uint8Array),
      externalFolder: join(root, 'float16', 'unet').replaceAll('\\', '/'),
    });
    const { byteLength } = (source as { bytes: Uint8Array }).bytes;
    expect(byteLength).toBeLessThan(0.3 * (await half.stat('unet/model.onnx'))!.size);
    expect(await storage.list()).toEqual(await half.list());
  });

  it('is the storage itself for float32, and leaves what is damaged to who reads it', async () => {
    const original = modelStorage('fashion-sd');
    expect(await float32Graphs(original, PARTS)).toBe(original);
    const damaged = memoryStorage();
    await writeFile(damaged, 'unet/model.onnx', 'no graph');
    expect(await float32Graphs(damaged, ['unet/model.onnx'])).toBe(damaged);
  });
});
