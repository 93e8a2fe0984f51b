import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { rawLabels } from './__fixtures__/raw-labels.js';
import { type CalibratedModel, calibrateModel } from './calibrated-model.js';
import { buildCandidate } from './candidates/candidate.js';
import { correctOutputs } from './candidates/correct-outputs.js';
import { atInterval, inFloat } from './candidates/model-variants.js';
import { type OpenCalibrationContext, openCalibrationContext } from './prepare/open-calibration-context.js';

const { schedule: _, ...REST } = SMALL_RUN;
const PAPER_RUN = { ...REST, recipe: 'paper' } as const;

let made: OptimizedModel;
beforeAll(async () => {
  made = await optimizedModel(PAPER_RUN);
}, 180_000);
afterAll(() => made.dispose());

it('optimize with the paper’s recipe tells its stages in words', () => {
  expect(made.stages.map(({ kind }) => kind)).toContain('outputs');
  expect(rawLabels(made.stages)).toEqual([]);
});

describe("optimize with the paper's recipe", () => {
  it('takes its schedule and keeps both of its corrections, better or not', () => {
    const { choice } = made;
    const { manifest } = made.summary;
    expect(manifest.schedule.kind).toBe('dp');
    expect(manifest.corrections).toEqual({
      cache: 'paper',
      anchors: 1,
      quantization: true,
      guidance: 'computed',
    });
    const { refreshCalls } = manifest.schedule;
    const lengths = refreshCalls.map((step, i) => (refreshCalls[i + 1] ?? 6) - step);
    expect(lengths.every((length) => length >= 1 && length <= 4)).toBe(true);
    expect(choice.candidates.map(({ name }) => name)).toEqual(['dp-paper']);
  });
});

describe('variants of a calibrated model', () => {
  let opened: OpenCalibrationContext;
  let calibrated: CalibratedModel;
  beforeAll(async () => {
    opened = await openCalibrationContext({ ...made, options: PAPER_RUN });
    calibrated = await calibrateModel(opened.context, opened.runner, {
      inputDims: opened.inputDims,
      model: opened.prepared.model,
    });
  });
  afterAll(() => opened.dispose());

  it('make candidates at another interval and in float beside those of the calibrated model itself', async () => {
    const candidate = await buildCandidate(atInterval(inFloat(calibrated), 3), 'uniform', 'none');
    expect(candidate).toMatchObject({
      name: 'float-i3-uniform-none',
      refreshCalls: [0, 3],
      grids: undefined,
    });
    expect(candidate.variant.full).toBe('float/full.onnx');
  });

  it('have lines fitted through the outputs of the layers that read the cache, which lowers their error', async () => {
    const { fits } = (await correctOutputs(calibrated, made.choice.chosen))!;
    expect(Object.keys(fits).length).toBeGreaterThanOrEqual(2);
    for (const { scale, errorBefore, errorAfter } of Object.values(fits)) {
      expect(scale.some((value) => value !== 1)).toBe(true);
      for (const [call, before] of errorBefore.entries()) {
        expect(errorAfter[call]).toBeLessThanOrEqual(before + 1e-9);
      }
    }
  });
});
