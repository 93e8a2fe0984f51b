import { pictureScorer } from '@cachequant/evaluate';
import { createBundleGenerator, createGenerator, type Generator, loadGraph } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from './__fixtures__/models.js';
import { optimize } from './optimize.js';
import type { OptimizeSummary } from './optimize-summary.js';
import type { OptimizeOptions } from './recipe.js';

const THINGS = ['fox', 'strawberry', 'rocket'] as const;

const RUN = {
  effort: 'fast',
  layers: 'all',
  schedule: 'uniform',
  cacheCorrection: 'forecast',
  components: 'keep',
  floatGraphs: 'never',
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a panda', 'two bananas', 'a castle on blue'],
} as const satisfies OptimizeOptions;

/** The model of emoji and its few-step student, seen by a network that names emoji. */
const MODELS = [
  {
    name: 'emoji-sd',
    options: { steps: 8, interval: 2, guidanceScale: 3 },
    calls: 8,
    refreshes: 4,
    suite: { timeout: 180_000 },
  },
  // Its family has a suite of its own, on a tiny model.
  { name: 'emoji-lcm', options: {}, calls: 4, refreshes: 4, suite: { timeout: 180_000, tags: 'full' } },
];

for (const { name, options, calls, refreshes, suite } of MODELS) {
  describe(`models/${name}`, suite, () => {
    const source = modelStorage(name);
    const bundle = memoryStorage();
    let runtime: Runtime;
    let summary: OptimizeSummary;
    beforeAll(async () => {
      runtime = await createNodeRuntime({ threads: 1 });
      summary = await optimize({
        source,
        work: memoryStorage(),
        out: bundle,
        runtime,
        options: { ...RUN, ...options },
      });
    }, 180_000);
    afterAll(() => runtime.dispose());

    it('is optimized with the calls and refreshes of its settings, half as large', () => {
      const { manifest, verification } = summary;
      expect(manifest.sampler.calls).toBe(calls);
      expect(manifest.schedule.refreshCalls).toHaveLength(refreshes);
      expect(verification.coverage.integerShare).toBeGreaterThan(0.9);
      expect(manifest.source.denoiserBytes / bytesOf(manifest.files, 'denoiser/')).toBeGreaterThan(1.75);
    });

    it('draws what the prompts say in 128 pixels, before and after', async () => {
      const { steps, guidanceScale } = { steps: calls, guidanceScale: 3 };
      const requests = THINGS.map((thing, seed) => ({ prompt: `a ${thing}`, seed, steps, guidanceScale }));
      const original = await createGenerator({ storage: source, runtime });
      const optimized = await createBundleGenerator({ storage: bundle, runtime });
      expect(await named(original, requests)).toEqual(THINGS);
      expect(await named(optimized, requests)).toEqual(THINGS);
    });

    async function named(
      generator: Generator,
      requests: readonly Parameters<Generator['generate']>[0][],
    ): Promise<string[]> {
      const evaluator = modelStorage('emoji-eval');
      const names = await emojiNames(evaluator);
      const scorer = pictureScorer(await loadGraph(runtime, evaluator, 'evaluator.onnx'));
      const seen: string[] = [];
      for (const request of requests) {
        const { images } = await generator.generate(request);
        expect([images[0]!.width, images[0]!.height]).toEqual([128, 128]);
        const { first } = await scorer.score(images[0]!);
        seen.push(names[first!.indexOf(Math.max(...first!))]!);
      }
      await scorer.dispose();
      await generator.dispose();
      return seen;
    }
  });
}

async function emojiNames(evaluator: Storage): Promise<readonly string[]> {
  return JSON.parse(await readText(evaluator, 'reference.json')).firsts;
}

function bytesOf(files: Readonly<Record<string, { bytes: number }>>, folder: string): number {
  return Object.entries(files)
    .filter(([path]) => path.startsWith(folder))
    .reduce((sum, [, { bytes }]) => sum + bytes, 0);
}
