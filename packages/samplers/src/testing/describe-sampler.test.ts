import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSampler, SAMPLER_NAMES, type SamplerOptions } from '../create-sampler.js';
import { defineSampler } from '../definition.js';
import type { Sampler, SamplerState } from '../sampler.js';
import { linearCombination } from '../solvers/linear-combination.js';
import { describeSampler } from './describe-sampler.js';

const STEPS = 16;
const LATENT = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012, clip_sample: false };
const UNCLIPPED = { ...LATENT, clip_denoised: false };
const api = { describe, test: it, expect };

const VARIANTS: readonly (readonly [title: string, options: Omit<SamplerOptions, 'images'>])[] = [
  ...SAMPLER_NAMES.map(({ name }) => [name, { sampler: name }] as const),
  ['plms', { sampler: 'plms' }],
  ['DDIM with half of its noise new', { sampler: 'ddim', eta: 0.5 }],
  ['TCD without noise', { sampler: 'tcd', eta: 0 }],
  ['UniPC of order 3', { sampler: 'unipc', overrides: { solver_order: 3 } }],
  ['UniPC of noise', { sampler: 'unipc', overrides: { predict_x0: false, final_sigmas_type: 'sigma_min' } }],
  ['UniPC without corrector', { sampler: 'unipc', overrides: { disable_corrector: [...Array(16).keys()] } }],
  ['DEIS of order 3', { sampler: 'deis', overrides: { solver_order: 3 } }],
  ['DPM-Solver++ of order 3', { sampler: 'dpm-solver++', overrides: { solver_order: 3 } }],
  ['SDE-DPM-Solver++', { sampler: 'dpm-solver++', overrides: { algorithm_type: 'sde-dpmsolver++' } }],
  ['single step of order 3', { sampler: 'dpm-single', overrides: { solver_order: 3 } }],
  ['single step with noise', { sampler: 'dpm-single', overrides: { algorithm_type: 'sde-dpmsolver++' } }],
  ['flow with noise', { sampler: 'flow-euler', overrides: { stochastic_sampling: true } }],
  [
    'EDM DPM-Solver++ with noise',
    { sampler: 'edm-dpm-solver++', overrides: { algorithm_type: 'sde-dpmsolver++' } },
  ],
];

for (const [title, options] of VARIANTS) {
  describeSampler(title, (images) => createSampler(UNCLIPPED, { steps: STEPS, images, ...options }), api);
}

/** The shortest sampler that a reader may write: Euler's method between 1 and 0. */
const straight = defineSampler({
  name: 'StraightScheduler',
  shortNames: ['straight'],
  process: 'flow',
  schema: z.object({ num_train_timesteps: z.int().default(1000) }),
  create(_, { steps }) {
    return {
      timesteps: Array.from({ length: steps }, (_, i) => 1000 * (1 - i / steps)),
      predictionType: 'flow_prediction',
      lookback: 0,
      advance: ({ sample }, { prediction }) => ({
        sample: linearCombination([1, sample], [-1 / steps, prediction]),
      }),
    };
  },
});

describeSampler(
  'a sampler of a stranger',
  (images) =>
    createSampler({ _class_name: 'StraightScheduler' }, { steps: STEPS, images, definitions: [straight] }),
  api,
);

/** The titles of the suite's tests that a sampler fails. */
async function failuresOf(make: (images: number) => Sampler): Promise<string[]> {
  const tests: (readonly [title: string, body: () => Promise<void>])[] = [];
  describeSampler('a liar', make, {
    describe: (_, body) => body(),
    test: (title, body) => tests.push([title, body]),
    expect,
  });
  const failed: string[] = [];
  for (const [title, body] of tests) {
    await body().catch(() => failed.push(title));
  }
  return failed;
}

function lying(sampler: string, lie: (honest: Sampler) => Partial<Sampler>) {
  return (images: number) => {
    const honest = createSampler(UNCLIPPED, { steps: STEPS, sampler, images });
    return { ...honest, ...lie(honest) };
  };
}

describe('describeSampler', () => {
  it.each([
    ['a lookback too short', lying('dpm-solver++', () => ({ lookback: 0 })), ['lookback']],
    ['a lookback too long', lying('ddim', () => ({ lookback: 1 })), ['lookback']],
    [
      'hidden calls',
      lying('heun', ({ calls }) => ({ callsPerStep: Array(calls).fill(1) })),
      ['callsPerStep'],
    ],
    ['steps of too few calls', lying('ddim', () => ({ callsPerStep: [1] })), ['callsPerStep']],
    [
      'another sensitivity',
      lying('euler', ({ sensitivity }) => ({ sensitivity: sensitivity.map((value) => 1.01 * value) })),
      ['sensitivity'],
    ],
    [
      'noise that is not declared',
      lying('euler-a', () => ({ stochastic: false })),
      ['stochastic says', 'the noise that is drawn', 'step refuses to draw'],
    ],
    [
      'noise that is never drawn',
      lying('euler', () => ({ stochastic: true })),
      ['stochastic says', 'the noise that is drawn', 'step refuses to draw'],
    ],
    [
      'a state that is changed in place',
      lying('euler', (honest) => ({
        step(state: SamplerState, output: Float32Array) {
          const next = honest.step(state, output);
          state.sample.set(next.sample);
          return next;
        },
      })),
      ['step changes neither'],
    ],
    [
      'a run that never ends',
      lying('euler', (honest) => ({
        modelInput: ({ sample }) => sample,
        step: (state, output) => (state.call < honest.calls ? honest.step(state, output) : state),
      })),
      ['step and modelInput refuse'],
    ],
  ] as const)('catches %s', async (_, make, expected) => {
    const failed = await failuresOf(make);
    for (const title of expected) expect(failed.some((name) => name.startsWith(title))).toBe(true);
  });

  it('finds nothing where nothing is wrong', async () => {
    expect(await failuresOf(lying('unipc', () => ({})))).toEqual([]);
  });
});
