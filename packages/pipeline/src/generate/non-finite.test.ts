import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { damagedModel as damaged } from '../__fixtures__/damaged-model.js';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from './generator.js';

const REQUEST = { prompt: 'a red shoe', steps: 2 };

describe('createGenerator(options).generate', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
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
