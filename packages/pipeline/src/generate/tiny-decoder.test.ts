import { encodeModel, readModel, readWeightBytes } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage, TorchGenerator, tensor, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { openModelFolder } from '../model/model-folder.js';
import { withTinyDecoder } from '../model/with-tiny-decoder.js';
import { createGenerator } from './generator.js';
import { loadDecoder } from './generator-parts.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

const REQUEST = { prompt: 'a red shoe', seed: 3, steps: 2 };

/** models/tiny/sd with models/tiny/taesd in a folder of its own, or in its decoder's place. */
async function sdWith(folder: string): Promise<Storage> {
  const copy = await modelCopy('tiny/sd');
  const tiny = modelStorage('tiny/taesd');
  if (folder === 'vae') for (const path of await copy.list('vae')) await copy.remove(path);
  for (const name of ['config.json', 'diffusion_pytorch_model.safetensors']) {
    await writeFile(copy, `${folder}/${name}`, await tiny.read(name));
  }
  return copy;
}

/** The decoder of models/tiny/taesd as a graph with its weights, as exporters write it. */
async function exportedTiny(): Promise<Storage> {
  const { storage } = await openModelFolder(await sdWith('taesd'));
  const model = await readModel(storage, 'tiny_decoder/model.onnx');
  for (const [name, weight] of model.graph.initializers) {
    const data = { kind: 'bytes', bytes: await readWeightBytes(weight) } as const;
    model.graph.initializers.set(name, { ...weight, data });
  }
  const folder = memoryStorage();
  await writeFile(folder, 'model.onnx', encodeModel(model));
  await writeFile(folder, 'config.json', await modelStorage('tiny/taesd').read('config.json'));
  return folder;
}

describe.each<[string, () => Promise<Storage>]>([
  ['in taesd/', () => sdWith('taesd')],
  ['in tiny_vae/', () => sdWith('tiny_vae')],
  ['of another folder', async () => withTinyDecoder(modelStorage('tiny/sd'), modelStorage('tiny/taesd'))],
  ['of another folder, as ONNX', async () => withTinyDecoder(modelStorage('tiny/sd'), await exportedTiny())],
  [
    'in place of that of the folder',
    async () => withTinyDecoder(await sdWith('taesd'), await exportedTiny()),
  ],
])('openModelFolder with a tiny decoder %s', (_, open) => {
  it('finds one that decodes as diffusers does, and keeps the own decoder', async () => {
    const folder = await openModelFolder(await open());
    expect(folder.tinyDecoder!.config).toMatchObject({ scaling_factor: 1, latent_channels: 4 });
    const decoder = await loadDecoder({ ...folder, vaeDecoder: folder.tinyDecoder }, runtime);
    const { seed, picture } = JSON.parse(await readText(modelStorage('tiny/taesd'), 'golden.json')) as {
      seed: number;
      picture: number[];
    };
    const latents = tensor('float32', [1, 4, 16, 16], new TorchGenerator(seed).randn(4 * 16 * 16));
    const [image] = await decoder.decode(latents);
    const levels = picture.map((value, i) => Math.abs(value - image!.rgb[i]!));
    expect(levels).toHaveLength(32 * 32 * 3);
    expect(Math.max(...levels)).toBeLessThanOrEqual(1);
    await decoder.dispose();
    expect(folder.vaeDecoder!.config._class_name).toBe('AutoencoderKL');
  });
});

describe('createGenerator of a model with a tiny decoder', () => {
  it('shows unfinished pictures by the tiny decoder, and makes finished ones by the full one', async () => {
    const storage = await sdWith('taesd');
    const plain = await createGenerator({ storage: modelStorage('tiny/sd'), runtime });
    const expected = (await plain.generate(REQUEST)).images[0]!;
    await plain.dispose();
    const generator = await createGenerator({ storage, runtime });
    let preview: Uint8Array | Uint8ClampedArray | undefined;
    const { images } = await generator.generate({
      ...REQUEST,
      onStep: async ({ call, calls, preview: show }) => {
        if (call === calls - 1) preview = (await show()).rgb;
      },
    });
    expect(images[0]!.rgb).toEqual(expected.rgb);
    await generator.dispose();
    const tiny = await createGenerator({ storage, runtime, decoder: 'tiny' });
    const fast = (await tiny.generate(REQUEST)).images[0]!;
    expect(fast.latents).toEqual(expected.latents);
    expect(fast.rgb).not.toEqual(expected.rgb);
    expect(preview).toEqual(fast.rgb);
    await tiny.dispose();
  });

  it('takes one that is given beside the model', async () => {
    const within = await createGenerator({ storage: await sdWith('taesd'), runtime, decoder: 'tiny' });
    const beside = await createGenerator({
      storage: modelStorage('tiny/sd'),
      tinyDecoder: modelStorage('tiny/taesd'),
      runtime,
      decoder: 'tiny',
    });
    const [a, b] = [await within.generate(REQUEST), await beside.generate(REQUEST)];
    expect(b.images[0]!.rgb).toEqual(a.images[0]!.rgb);
    await within.dispose();
    await beside.dispose();
  });

  it('changes pictures by the encoder of the full autoencoder, also where the tiny one decodes', async () => {
    const side = 32;
    const image = { width: side, height: side, rgb: new Uint8Array(3 * side * side).fill(90) };
    const change = { ...REQUEST, steps: 4, image, strength: 0.5 };
    const full = await createGenerator({ storage: modelStorage('tiny/sd'), runtime });
    const tiny = await createGenerator({ storage: await sdWith('taesd'), runtime, decoder: 'tiny' });
    const [a, b] = [await full.generate(change), await tiny.generate(change)];
    expect(b.images[0]!.latents).toEqual(a.images[0]!.latents);
    await full.dispose();
    await tiny.dispose();
  });

  it('takes an AutoencoderTiny that is the only one for both, with its own encoder', async () => {
    const storage = await sdWith('vae');
    const generator = await createGenerator({ storage, runtime });
    const asked = await createGenerator({ storage, runtime, decoder: 'tiny' });
    const image = { width: 32, height: 32, rgb: new Uint8Array(3 * 32 * 32).fill(90) };
    const request = { ...REQUEST, image, strength: 1 };
    const [a, b] = [await generator.generate(request), await asked.generate(request)];
    expect(a.images[0]!.rgb).toEqual(b.images[0]!.rgb);
    await generator.dispose();
    await asked.dispose();
  });
});

describe('a tiny decoder is refused', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'that is not there',
      () => createGenerator({ storage: modelStorage('tiny/sd'), runtime, decoder: 'tiny' }),
      'the model has no tiny decoder',
    ],
    [
      'of a model of pixels',
      () => createGenerator({ storage: modelStorage('tiny/ddpm'), runtime, decoder: 'tiny' }),
      'the samples of the model are pixels',
    ],
    [
      'of other latents',
      async () =>
        openModelFolder(await withTinyDecoder(modelStorage('tiny/ldm'), modelStorage('tiny/taesd'))),
      'the tiny decoder is made for another model',
    ],
    [
      'of another class',
      () => withTinyDecoder(modelStorage('tiny/sd'), modelStorage('fashion-sd')),
      'the folder holds no tiny decoder',
    ],
    [
      'without its configuration',
      async () => {
        const storage = await modelCopy('tiny/sd');
        const graph = await (await exportedTiny()).read('model.onnx');
        await writeFile(storage, 'taesd/model.onnx', graph);
        return openModelFolder(storage);
      },
      'tiny_decoder/config.json',
    ],
  ])('%s', async (_, open, message) => {
    await expect(open()).rejects.toThrow(message);
  });
});
