import { openSource, readModelFrom } from '@cachequant/onnx';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { rawLabels } from './__fixtures__/raw-labels.js';
import { optimize } from './optimize.js';
import type { OptimizeOptions } from './recipe.js';

/** Everything but the first block stays in float, so that there is little to round. */
const OPTIONS: OptimizeOptions = {
  ...SMALL_RUN,
  bits: 'w4a8',
  components: 'keep',
  keepFloat: ['down_blocks.1', 'mid_block', 'up_blocks'],
};

describe('optimize with weights of four bits', () => {
  let made: OptimizedModel;
  beforeAll(async () => {
    made = await optimizedModel(OPTIONS);
  }, 180_000);
  afterAll(() => made.dispose());

  it('stores the integer layers in half a byte, and computes them as integers', () => {
    const { manifest, verification } = made.summary;
    expect(manifest.bits).toEqual({ weights: 4, activations: 8, target: 'portable' });
    const integer = manifest.layers.filter(({ compute }) => compute === 'integer');
    expect(integer.length).toBeGreaterThan(10);
    expect(new Set(integer.map(({ storage }) => storage))).toEqual(new Set(['int4']));
    const { plannedShare, integerShare } = verification.coverage;
    expect(integerShare).toBeCloseTo(plannedShare, 6);
  });

  it('leaves less error in every layer than rounding to the nearest level', () => {
    const roundings = [...made.calibrated.integers!.packed.compute.values()].map(({ rounding }) => rounding!);
    for (const { error, plainError } of roundings) expect(error).toBeLessThan(plainError);
  });

  it('writes graphs of opset 21 whose int4 weights lie in the bundle, each once', async () => {
    const full = await readModelFrom(await openSource(made.out, 'denoiser/full.onnx'));
    expect(full.opsetImports.get('')).toBe(21);
    const stored = [...full.graph.initializers.values()].filter(({ dtype }) => dtype === 'int4');
    expect(stored).toHaveLength(made.calibrated.integers!.packed.compute.size);
  });

  it('reads rounded weights back, and leaves none of them twice on disk', async () => {
    const stages: [string, boolean][] = [];
    await optimize({
      ...made,
      out: memoryStorage(),
      options: OPTIONS,
      onStage: ({ id }, reused) => stages.push([id, reused]),
    });
    expect(stages.filter(([, reused]) => !reused)).toEqual([['bundle', false]]);
    expect(stages.map(([name]) => name)).toContain('round-0');
    expect(rawLabels(made.stages)).toEqual([]);
    expect(await made.work.list('rounded')).toEqual([]);
  });
});
