import { psnr } from '@cachequant/evaluate';
import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from './__fixtures__/models.js';
import { optimize } from './optimize.js';

const LONG = `${Array.from({ length: 80 }, () => 'red').join(' ')} (shoe:1.4)`;
const PROMPTS = { clipSkip: 1, weights: true, chunks: 2, padChunks: true };

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe('optimize with options on how prompts are read', () => {
  it('makes a bundle that reads prompts so by itself', async () => {
    const [source, out] = [modelStorage('tiny/sd-turbo'), memoryStorage()];
    const { manifest } = await optimize({
      source,
      work: memoryStorage(),
      out,
      runtime,
      options: {
        clipSkip: 1,
        promptWeights: 'read',
        promptChunks: 2,
        prompts: [LONG, 'a (fox:0.8)'],
        steps: 2,
        calibrationImages: 2,
        verificationImages: 1,
        offCalibrationImages: 0,
        layers: 'all',
        components: 'keep',
        floatGraphs: 'never',
      },
    });
    expect(manifest.prompts).toEqual(PROMPTS);
    const bundle = await createBundleGenerator({ storage: out, runtime });
    const original = await createGenerator({ storage: source, runtime, prompts: PROMPTS });
    const plain = await createGenerator({ storage: source, runtime });
    const request = { prompt: LONG, seed: 7, steps: 2, guidanceScale: 0 };
    const [made, truth, other] = await Promise.all(
      [bundle, original, plain].map(async (generator) => generator.generate(request)),
    );
    expect(made!.warnings).toEqual([]);
    const quality = psnr(truth!.images[0]!, made!.images[0]!);
    expect(quality).toBeGreaterThan(30);
    expect(quality).toBeGreaterThan(psnr(truth!.images[0]!, other!.images[0]!) + 3);
    await Promise.all([bundle, original, plain].map((generator) => generator.dispose()));
  }, 240_000);
});
