import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { rawLabels } from './__fixtures__/raw-labels.js';
import { buildCandidate } from './candidates/candidate.js';
import { correctOutputs } from './candidates/correct-outputs.js';
import { floatStudy, studyAt } from './candidates/study-views.js';
import { type OpenLaboratory, openLaboratory } from './prepare/open-laboratory.js';
import { type Study, studyDenoiser } from './study.js';

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
    const { refreshSteps } = manifest.schedule;
    const lengths = refreshSteps.map((step, i) => (refreshSteps[i + 1] ?? 6) - step);
    expect(lengths.every((length) => length >= 1 && length <= 4)).toBe(true);
    expect(choice.candidates.map(({ name }) => name)).toEqual(['dp-paper']);
  });
});

describe('views of a study', () => {
  let opened: OpenLaboratory;
  let study: Study;
  beforeAll(async () => {
    opened = await openLaboratory({ ...made, options: PAPER_RUN });
    study = await studyDenoiser(opened.lab, opened.runner, {
      inputDims: opened.inputDims,
      model: opened.prepared.model,
    });
  });
  afterAll(() => opened.dispose());

  it('make candidates at another interval and in float beside those of the study itself', async () => {
    const candidate = await buildCandidate(studyAt(floatStudy(study), 3), 'uniform', 'none');
    expect(candidate).toMatchObject({
      name: 'float-i3-uniform-none',
      refreshSteps: [0, 3],
      grids: undefined,
    });
    expect(candidate.variant.full).toBe('float/full.onnx');
  });

  it('have lines fitted through the outputs of the layers that read the cache, which lowers their error', async () => {
    const { fits } = (await correctOutputs(study, made.choice.chosen))!;
    expect(Object.keys(fits).length).toBeGreaterThanOrEqual(2);
    for (const { scale, errorBefore, errorAfter } of Object.values(fits)) {
      expect(scale.some((value) => value !== 1)).toBe(true);
      for (const [call, before] of errorBefore.entries()) {
        expect(errorAfter[call]).toBeLessThanOrEqual(before + 1e-9);
      }
    }
  });
});
