import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oldLayoutGolden, oldOnnxLayout } from '../__fixtures__/old-onnx-layout.js';
import { openModelFolder } from '../model/model-folder.js';
import { createGenerator } from './generator.js';

const { prompt, negative_prompt, guidance_scale, num_inference_steps, seed, pixels } = oldLayoutGolden;

describe("a folder of diffusers' old conversion script", () => {
  let runtime: Runtime;
  let model: ReturnType<typeof oldOnnxLayout>;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
    model = oldOnnxLayout();
  });
  afterAll(async () => {
    model.remove();
    await runtime.dispose();
  });

  it('says through its graphs what no config.json says', async () => {
    const { denoiser, vaeDecoder, textEncoder } = await openModelFolder(nodeStorage(model.folder));
    expect(denoiser.config).toEqual({ in_channels: 4, size_multiple: 2, sample_size: 64 });
    expect(vaeDecoder!.config).toMatchObject({ scaling_factor: 0.18215, pixels_per_latent: 2 });
    expect(textEncoder!.config).toEqual({});
  });

  it('draws what diffusers draws', async () => {
    const generator = await createGenerator({ storage: nodeStorage(model.folder), runtime });
    try {
      const { images } = await generator.generate({
        prompt,
        negativePrompt: negative_prompt,
        guidanceScale: guidance_scale,
        steps: num_inference_steps,
        seed,
        width: 16,
        height: 16,
      });
      const { width, height, rgb } = images[0]!;
      expect([width, height]).toEqual([16, 16]);
      const differences = Array.from(rgb, (value, i) => Math.abs(value - pixels[i]!));
      expect(differences).toHaveLength(pixels.length);
      expect(Math.max(...differences)).toBeLessThanOrEqual(1);
      await expect(generator.generate({ prompt, width: 18, height: 16 })).rejects.toThrow('a multiple of 4');
    } finally {
      await generator.dispose();
    }
  });

  it('is refused where its class does not say what latents are multiplied with', async () => {
    await writeFile(join(model.folder, 'model_index.json'), JSON.stringify({ _class_name: 'SomePipeline' }));
    await expect(openModelFolder(nodeStorage(model.folder))).rejects.toMatchObject({
      code: 'storage',
      where: 'vae_decoder/config.json',
    });
    await rm(join(model.folder, 'model_index.json'));
  });
});
