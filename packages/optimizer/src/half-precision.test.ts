import { psnr } from '@cachequant/evaluate';
import { readModel, writeModel } from '@cachequant/onnx';
import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { halfModel } from '../../onnx/src/__fixtures__/half-model.js';
import { modelStorage } from './__fixtures__/models.js';
import { optimize } from './optimize.js';
import type { OptimizeOptions } from './recipe.js';

const OPTIONS = {
  steps: 4,
  interval: 1,
  guidanceScale: 4,
  effort: 'fast',
  calibrationImages: 2,
  verificationImages: 1,
  offCalibrationImages: 0,
  layers: 'all',
  components: 'keep',
} as const satisfies OptimizeOptions;

const REQUEST = { prompt: 'a photo of a red sneaker', seed: 7, steps: 4, guidanceScale: 4 };
const GRAPHS = ['unet', 'vae_decoder', 'text_encoder'].map((part) => `${part}/model.onnx`);

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

/** models/fashion-sd with all graphs in 16 bits. */
async function inHalf(io: 'float16' | 'float32'): Promise<Storage> {
  const [original, storage] = [modelStorage('fashion-sd'), memoryStorage()];
  for (const path of await original.list()) {
    if (!GRAPHS.includes(path)) await writeFile(storage, path, await original.read(path));
    else await writeModel(storage, path, await halfModel(await readModel(original, path), io));
  }
  return storage;
}

/** The picture of a bundle that is made of the source, and the manifest. */
async function optimized(source: Storage) {
  const out = memoryStorage();
  const { manifest } = await optimize({ source, work: memoryStorage(), out, runtime, options: OPTIONS });
  const bundle = await createBundleGenerator({ storage: out, runtime });
  const { images } = await bundle.generate(REQUEST);
  await bundle.dispose();
  const integers = manifest.layers.filter(({ compute }) => compute === 'integer').length;
  return { out, integers, image: images[0]! };
}

for (const [io, suite] of [
  ['float16', { timeout: 600_000 }],
  // Graphs with such inputs have tests of their own where float32 is put in place of 16 bits.
  ['float32', { timeout: 600_000, tags: 'full' }],
] as const) {
  describe('optimize', suite, () => {
    it(`of graphs in float16 with inputs and outputs of ${io} makes a bundle of integers`, async () => {
      const { out, integers, image } = await optimized(await inHalf(io));
      const model = await createGenerator({ storage: modelStorage('fashion-sd'), runtime });
      const [truth] = (await model.generate(REQUEST)).images;
      await model.dispose();
      expect(integers).toBeGreaterThan(20);
      // Against the float32 model; what is lost is what integers lose.
      expect(psnr(truth!, image)).toBeGreaterThan(25);
      const { graph } = await readModel(out, 'denoiser/full.onnx');
      expect(graph.inputs.map(({ dtype }) => dtype)).not.toContain('float16');
      expect([...graph.initializers.values()].map(({ dtype }) => dtype)).not.toContain('float16');
    });
  });
}
