import {
  createBundleGenerator,
  createGenerator,
  type Generator,
  openBundle,
  openModelFolder,
} from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { optimize } from '../optimize.js';
import type { OptimizeOptions } from '../recipe.js';

const OPTIONS: OptimizeOptions = {
  steps: 4,
  interval: 1,
  bits: 'none',
  width: 32,
  height: 32,
  calibrationImages: 1,
  verificationImages: 1,
  offCalibrationImages: 0,
  prompts: ['a red shoe', 'a fox'],
  schedule: 'uniform',
  components: 'keep',
  floatGraphs: 'never',
};
const REQUEST = { prompt: 'a red shoe', seed: 4, width: 32, height: 32, steps: 4 };

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

async function pictureOf(opened: Promise<Generator>) {
  const generator = await opened;
  try {
    const [image] = (await generator.generate(REQUEST)).images;
    return { rgb: image!.rgb, latents: image!.latents.data as Float32Array };
  } finally {
    await generator.dispose();
  }
}

async function bundleOf(source: Storage, options: OptimizeOptions = OPTIONS): Promise<Storage> {
  const out = memoryStorage();
  await optimize({ source, work: memoryStorage(), out, runtime, options });
  return out;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
}

describe("a transformer in optimum's layout", { timeout: 240_000 }, () => {
  it.each(['sd3', 'flux-dev'])(
    '%s goes the whole way, and is the folder of safetensors that it was exported from',
    async (name) => {
      const exported = modelStorage(`tiny/optimum-${name}`);
      const { denoiser, textEncoder } = await openModelFolder(exported);
      expect([denoiser.model, textEncoder?.model]).toEqual([
        'transformer/model.onnx',
        'text_encoder/model.onnx',
      ]);
      const saved = modelStorage(`tiny/${name}`);
      const [ours, theirs] = [
        await pictureOf(createGenerator({ storage: exported, runtime })),
        await pictureOf(createGenerator({ storage: saved, runtime })),
      ];
      expect(largestDifference(ours.latents, theirs.latents)).toBeLessThan(1e-4);
      expect(largestDifference(ours.rgb, theirs.rgb)).toBeLessThanOrEqual(1);
      const bundles = [await bundleOf(exported), await bundleOf(saved)] as const;
      const [made, known] = [
        await pictureOf(createBundleGenerator({ storage: bundles[0], runtime })),
        await pictureOf(createBundleGenerator({ storage: bundles[1], runtime })),
      ];
      expect(largestDifference(made.rgb, known.rgb)).toBeLessThanOrEqual(1);
    },
  );

  it.each([
    ['sd3', 0.66],
    // Single blocks as torch exports them give no cut: with the graph that is built from safetensors it is 0.5.
    ['flux-dev', 0.75],
  ])('%s is cut, and a cached call takes about %s of a full one', async (name, share) => {
    const out = await bundleOf(modelStorage(`tiny/optimum-${name}`), { ...OPTIONS, interval: 2 });
    const { cut } = (await openBundle(out)).manifest;
    expect(cut!.kind).toBe('joint-delta');
    expect(cut!.cachedShare).toBeCloseTo(share, 1);
  });
});
