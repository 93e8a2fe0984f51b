import { readModel } from '@cachequant/onnx';
import { createBundleGenerator } from '@cachequant/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';

let made: OptimizedModel;
beforeAll(async () => {
  const options = { ...SMALL_RUN, target: 'qdq', layers: 'measured', floatGraphs: 'never' } as const;
  made = await optimizedModel(options, { name: 'tiny/sd' });
}, 240_000);
afterAll(() => made.dispose());

describe('optimize for the target qdq', () => {
  it('writes graphs of standard operators, and says so in the manifest', async () => {
    const { bits, denoiser, layers } = made.summary.manifest;
    expect(bits).toEqual({ weights: 7, activations: 8, target: 'qdq' });
    expect(layers.filter(({ compute }) => compute === 'integer').length).toBeGreaterThan(10);
    for (const { file } of [denoiser.full, denoiser.cached]) {
      const { graph, opsetImports } = await readModel(made.out, file);
      expect([...opsetImports.keys()]).toEqual(['']);
      expect(graph.nodes.filter(({ domain }) => domain !== '')).toEqual([]);
      expect(graph.nodes.some(({ opType }) => opType === 'QuantizeLinear')).toBe(true);
    }
  });

  it('keeps no layer in float for what it takes in ONNX Runtime, and counts no coverage by its profile', async () => {
    expect(made.stages.map(({ kind }) => kind)).not.toContain('layer-times');
    expect(made.stages.map(({ kind }) => kind)).toContain('layer-errors');
    expect(made.summary.manifest.layers.map(({ reason }) => reason)).not.toContain('slower in integers');
    const { coverage } = made.summary.verification;
    expect(coverage).toMatchObject({ integerShare: undefined, missed: [] });
    expect(coverage.plannedShare).toBeGreaterThan(0.5);
  });

  it('measures its loss, and makes pictures', async () => {
    const { runtime, out, summary } = made;
    const { errorPerCall, psnr } = summary.verification;
    // The quality floor of 25 dB is an error of 0.056; caching at six calls adds to all calls behind the first.
    expect(errorPerCall.corrected[0]).toBeLessThan(0.056);
    expect(psnr).toBeGreaterThan(10);
    const bundle = await createBundleGenerator({ storage: out, runtime });
    const { images, warnings } = await bundle.generate({ prompt: 'a red sneaker', seed: 11 });
    expect(warnings).toEqual([]);
    expect(new Set(images[0]!.rgb).size).toBeGreaterThan(50);
    await bundle.dispose();
  });
});
