import { readModel, readWeight, weightOf, writeModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Storage, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from './generator.js';

const REQUEST = { prompt: 'a red shoe', steps: 2 };

/** The model with one value of one weight changed. */
async function damaged(path: string, isWeight: (name: string) => boolean, value: number): Promise<Storage> {
  const storage = await modelCopy('fashion-sd');
  const model = await readModel(storage, path);
  const { initializers } = model.graph;
  const name = [...initializers.keys()].find(isWeight)!;
  const { dims, data } = await readWeight(initializers.get(name)!);
  const values = Float32Array.from(data as Float32Array);
  values[0] = value;
  initializers.set(name, weightOf(tensor('float32', dims, values), name));
  await writeModel(storage, path, model);
  return storage;
}

describe('createGenerator(options).generate', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime();
  });
  afterAll(() => runtime.dispose());

  const outcome = async (storage: Storage, request: object = {}) => {
    const generator = await createGenerator({ storage, runtime });
    const result = generator.generate({ ...REQUEST, ...request }).then(
      ({ images }) => images[0]!.rgb,
      (error: Error) => error,
    );
    await result;
    await generator.dispose();
    return result;
  };

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'names the first call and the layer of a denoiser with a weight of %d',
    async (value) => {
      const storage = await damaged(
        'unet/model.onnx',
        (name) => /mid_block\.resnets\.1\.conv1\.weight/.test(name),
        value,
      );
      expect(await outcome(storage)).toMatchObject({
        code: 'non-finite',
        where: expect.stringMatching(
          /^call 0 \(timestep \d+\), layer Conv \/mid_block\/resnets\.1\/conv1\/Conv$/,
        ),
      });
    },
  );

  it('names the part where decoder or text encoder give such values, the decoder with its layer', async () => {
    const decoder = await damaged(
      'vae_decoder/model.onnx',
      (name) => /conv_out\.weight/.test(name),
      Number.NaN,
    );
    expect(await outcome(decoder)).toMatchObject({
      code: 'non-finite',
      where: expect.stringMatching(/^vae_decoder, layer Conv .*conv_out/),
    });
    const encoder = await damaged(
      'text_encoder/model.onnx',
      (name) => /final_layer_norm/.test(name),
      Number.NaN,
    );
    expect(await outcome(encoder)).toMatchObject({ code: 'non-finite', where: 'text_encoder' });
  });

  it('names the call at which guidance overflows', async () => {
    expect(await outcome(modelStorage('fashion-sd'), { guidanceScale: 1e38 })).toMatchObject({
      code: 'non-finite',
      message: expect.stringMatching(/call \d.*NaN or infinite/),
    });
  });
});
