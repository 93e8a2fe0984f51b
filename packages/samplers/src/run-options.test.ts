import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { createSampler, SAMPLER_NAMES, type SamplerOptions } from './create-sampler.js';
import { alphaBars, noiseToSignal } from './schedules/noise-schedule.js';

const LATENT = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };
const DPM = { ...LATENT, _class_name: 'DPMSolverMultistepScheduler' };
const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 };
const TRAIN_SIGMAS = noiseToSignal(
  alphaBars({ ...LATENT, beta_schedule: 'scaled_linear', num_train_timesteps: 1000, trained_betas: null }),
);

function errorOf(action: () => unknown): CacheQuantError {
  try {
    action();
  } catch (error) {
    if (CacheQuantError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The classes that take a list of timesteps of a table of betas. */
const LISTED = SAMPLER_NAMES.map(({ name }) => name)
  .filter((sampler) => {
    try {
      return createSampler({ num_train_timesteps: 1000 }, { sampler, timesteps: [999, 500, 20] }).calls > 0;
    } catch {
      return false;
    }
  })
  .filter((name) => !/Flow|CMStoch/.test(name));

describe('createSampler with timesteps', () => {
  it('is possible for fourteen classes of a table of betas', () => {
    expect(LISTED).toHaveLength(14);
  });

  it.each(LISTED)('makes the same run of %s as with its own, where they are the same', (sampler) => {
    const config = { ...LATENT, clip_sample: false, timestep_spacing: 'trailing' };
    const own = createSampler(config, { steps: 5, sampler });
    const own1000 = sampler.includes('Singlestep') ? [999, 799, 599, 400, 200] : [999, 799, 599, 399, 199];
    const list = /LCM|TCD/.test(sampler) ? [...own.timesteps] : own1000;
    const listed = createSampler(config, { sampler, timesteps: list });
    expect(listed.timesteps).toEqual(own.timesteps);
    expect(listed.sigmas).toEqual(own.sigmas);
    expect(listed.sensitivity).toEqual(own.sensitivity);
  });

  it.each([
    [[500, 600], /descending/],
    [[500, 500], /descending/],
    [[], /at least one/],
    [[Number.NaN], /timesteps are not possible/],
    [[Number.POSITIVE_INFINITY, 3], /timesteps are not possible/],
    [[10, -1], /none below 0/],
    [[1000, 3], /timestep 1000/],
  ])('refuses %j', (timesteps, message) => {
    expect(errorOf(() => createSampler(DPM, { timesteps })).message).toMatch(message);
  });

  it('refuses a number of steps that the list does not have', () => {
    expect(() => createSampler(DPM, { steps: 3, timesteps: [999, 10] })).toThrow(
      /2 steps, or none named, got 3/,
    );
  });

  it('refuses them beside sigmas, and where a class takes none', () => {
    expect(() => createSampler(FLOW, { timesteps: [3], sigmas: [1] })).toThrow(/cannot both be given/);
    const error = errorOf(() => createSampler({ _class_name: 'PNDMScheduler' }, { timesteps: [999, 3] }));
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(/PNDMScheduler takes no timesteps/);
  });

  it.each([
    ['euler', { use_karras_sigmas: true }],
    ['euler', { interpolation_type: 'log_linear' }],
    ['heun', { use_beta_sigmas: true }],
    ['kdpm2', { use_exponential_sigmas: true }],
    ['unipc', { use_karras_sigmas: true }],
    ['dpm-solver++', { use_lu_lambdas: true }],
    ['dpm-solver++', { use_flow_sigmas: true, prediction_type: 'flow_prediction' }],
    ['flow-euler', { use_karras_sigmas: true }],
  ])('refuses them for %s beside %j, which would overrule them', (sampler, overrides) => {
    const error = errorOf(() => createSampler({}, { sampler, overrides, timesteps: [900, 20] }));
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(/timesteps of your choice and \w+ noise levels exclude each other/);
  });

  it('refuses sigmas beside another spacing of them', () => {
    const overrides = { use_flow_sigmas: true, prediction_type: 'flow_prediction', use_karras_sigmas: true };
    expect(() => createSampler({}, { sampler: 'unipc', overrides, sigmas: [0.9, 0.4] })).toThrow(
      /sigmas of your choice and karras noise levels/,
    );
  });

  it('refuses none and no steps', () => {
    expect(() => createSampler(DPM, {})).toThrow(/number of steps/);
  });
});

describe('createSampler with Align Your Steps', () => {
  it('takes the published timesteps for ten steps, which need not be said', () => {
    const expected = [999, 850, 736, 645, 545, 455, 343, 233, 124, 24];
    expect(createSampler(DPM, { timesteps: 'align-your-steps-sd15' }).timesteps).toEqual(expected);
    expect(
      createSampler(DPM, { timesteps: 'align-your-steps-sdxl', steps: 10 }).timesteps.slice(0, 3),
    ).toEqual([999, 845, 730]);
  });

  it('goes through the noise levels of the ten with twice as many, and between them in logarithms', () => {
    const ten = createSampler(DPM, { timesteps: 'align-your-steps-sd15' }).timesteps;
    const twenty = createSampler(DPM, { timesteps: 'align-your-steps-sd15', steps: 20 }).timesteps;
    expect(twenty.filter((_, i) => i % 2 === 0)).toEqual(ten);
    for (let i = 0; i < 9; i++) {
      const between = Math.sqrt(TRAIN_SIGMAS[ten[i]!]! * TRAIN_SIGMAS[ten[i + 1]!]!);
      const ratio = TRAIN_SIGMAS[twenty[2 * i + 1]!]! / between;
      // Timesteps are whole, and one of them changes the smallest levels by up to 5 %.
      expect(Math.abs(Math.log(ratio))).toBeLessThan(0.025);
    }
  });

  it('begins at the noisiest timestep and goes down with any number', () => {
    for (const steps of [1, 2, 7, 13, 50]) {
      const config = { ...DPM, rescale_betas_zero_snr: steps % 2 === 1 };
      const { timesteps } = createSampler(config, { timesteps: 'align-your-steps-sdxl', steps });
      expect(timesteps).toHaveLength(steps);
      expect(timesteps[0]).toBe(999);
    }
  });

  it('refuses so many steps that timesteps would be shared, other schedules, and unknown names', () => {
    const named = (options: SamplerOptions, config: object = DPM) =>
      errorOf(() => createSampler(config, options));
    expect(named({ timesteps: 'align-your-steps-sd15', steps: 900 }).message).toMatch(/too many/);
    const short = { ...DPM, num_train_timesteps: 500 };
    expect(named({ timesteps: 'align-your-steps-sd15' }, short).message).toMatch(
      /num_train_timesteps 1000, got 500/,
    );
    expect(named({ timesteps: 'align-your-steps-sd15' }, FLOW).code).toBe('unsupported');
    expect(named({ timesteps: 'other' as 'align-your-steps-sd15' }).message).toMatch(
      /align-your-steps-sdxl, got "other"/,
    );
  });
});

describe('createSampler for flows', () => {
  const dynamic = { ...FLOW, use_dynamic_shifting: true };

  it('shifts by the number of tokens, as far as base_shift and max_shift say', () => {
    const sigmas = [1, 0.5];
    const second = (imageTokens: number) => createSampler(dynamic, { sigmas, imageTokens }).sigmas![1]!;
    // Where σ is 0.5 the shift s gives s / (1 + s), and s is e^μ.
    expect(second(256)).toBeCloseTo(Math.exp(0.5) / (1 + Math.exp(0.5)), 6);
    expect(second(4096)).toBeCloseTo(Math.exp(1.15) / (1 + Math.exp(1.15)), 6);
    expect(createSampler(dynamic, { sigmas, mu: 1.15 }).sigmas![1]).toBe(second(4096));
  });

  it('needs to know the size of the picture only for dynamic shifting', () => {
    expect(errorOf(() => createSampler(dynamic, { steps: 4 })).message).toMatch(/imageTokens, or mu itself/);
    expect(createSampler(FLOW, { steps: 4, imageTokens: 256 }).sigmas).toEqual(
      createSampler(FLOW, { steps: 4 }).sigmas,
    );
    expect(() => createSampler(FLOW, { steps: 4, mu: 1 })).toThrow(/only with use_dynamic_shifting/);
  });

  it.each(['ddim', 'euler', 'dpm-solver++', 'lcm', 'edm-euler', 'cm'])(
    'refuses %s for a flow model',
    (sampler) => {
      const error = errorOf(() => createSampler(FLOW, { steps: 4, sampler }));
      expect(error.code).toBe('unsupported');
      expect(error.message).toMatch(
        /does not fit a model of FlowMatchEulerDiscreteScheduler .*use_flow_sigmas/,
      );
    },
  );

  it('takes a multistep class for a flow model when it is told to', () => {
    const overrides = { use_flow_sigmas: true, prediction_type: 'flow_prediction', flow_shift: 3 };
    const sampler = createSampler(FLOW, { steps: 4, sampler: 'unipc', overrides });
    expect(sampler).toMatchObject({ name: 'UniPCMultistepScheduler', predictionType: 'flow_prediction' });
  });

  it('refuses a flow sampler for a model of betas', () => {
    expect(() => createSampler(DPM, { steps: 4, sampler: 'flow-euler' })).toThrow(
      /does not fit a model of DPMSolverMultistepScheduler .*noise by a table of betas/,
    );
  });

  it('refuses a sampler of angles for a model of betas, whose timesteps it does not have', () => {
    expect(() => createSampler(DPM, { steps: 4, sampler: 'ipndm' })).toThrow(
      /IPNDMScheduler does not fit a model of DPMSolverMultistepScheduler .*noise by an angle/,
    );
  });

  it.each([
    ['dpm-solver++', { prediction_type: 'flow_prediction' }, /without use_flow_sigmas/],
    ['unipc', { use_flow_sigmas: true, prediction_type: 'v_prediction' }, /not defined/],
    ['unipc', { use_flow_sigmas: true, use_beta_sigmas: true }, /use_karras_sigmas alone/],
    ['unipc', { shift_terminal: 0.1 }, /shift_terminal 0.1 goes with use_flow_sigmas/],
    ['unipc', { predict_x0: false, thresholding: true }, /predict_x0 false/],
    [
      'deis',
      { use_flow_sigmas: true, use_karras_sigmas: true },
      /use_karras_sigmas and use_flow_sigmas are true/,
    ],
    ['dpm-solver++', { use_lu_lambdas: true, use_karras_sigmas: true }, /exclude each other/],
    [
      'dpm-solver++',
      { use_flow_sigmas: true, final_sigmas_type: 'sigma_min' },
      /final_sigmas_type "sigma_min"/,
    ],
    ['dpm-single', { algorithm_type: 'sde-dpmsolver++', solver_order: 3, solver_type: 'heun' }, /"midpoint"/],
    ['edm-dpm-solver++', { algorithm_type: 'sde-dpmsolver++', solver_order: 3 }, /solver_order 1 or 2/],
  ])('refuses the combination for %s: %j', (sampler, overrides, message) => {
    const error = errorOf(() => createSampler({}, { steps: 4, sampler, overrides }));
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(message);
  });
});

describe('createSampler with eta', () => {
  it('refuses a share of noise that is none, and where a class takes none', () => {
    expect(() => createSampler({}, { steps: 4, sampler: 'ddim', eta: 1.5 })).toThrow(/from 0 to 1, got 1.5/);
    expect(() => createSampler({}, { steps: 4, sampler: 'euler', eta: 0.5 })).toThrow(/takes no eta/);
  });
});

describe('createSampler with a sampler for distilled models', () => {
  it('refuses more steps than the model was distilled on', () => {
    expect(() => createSampler({}, { steps: 51, sampler: 'lcm' })).toThrow(
      /at most original_inference_steps \(50\)/,
    );
  });

  it('refuses noise as the prediction where the first timestep holds no signal', () => {
    const config = { rescale_betas_zero_snr: true };
    expect(() => createSampler(config, { steps: 4, sampler: 'tcd' })).toThrow(
      /cannot start from a timestep without/,
    );
  });
});

describe('createSampler with beta_start 0', () => {
  const zero = { ...LATENT, beta_start: 0, clip_sample: false };
  const names = SAMPLER_NAMES.map(({ name }) => name).filter((name) => !/Flow|EDM|CMStoch/.test(name));
  const spacings = ['leading', 'linspace', 'trailing'] as const;

  /** How many of the runs are refused; the others must give numbers. */
  function refusals(sampler: string, extra: object = {}): number {
    return spacings.filter((timestep_spacing) => {
      try {
        const made = createSampler({ ...zero, ...extra, timestep_spacing }, { steps: 5, sampler });
        let state = made.start(Float32Array.of(1));
        while (state.call < made.calls)
          state = made.step(state, Float32Array.of(0.5), () => Float32Array.of(0.1));
        expect(Number.isFinite(state.sample[0])).toBe(true);
        return false;
      } catch (error) {
        if (!CacheQuantError.is(error)) throw error;
        expect(error.message).toMatch(/beta_start/);
        return true;
      }
    }).length;
  }

  it.each(names)('gives numbers with %s, or says why it cannot', (sampler) => {
    expect(refusals(sampler)).toBeLessThan(3);
    refusals(sampler, { use_karras_sigmas: true });
    refusals(sampler, { use_exponential_sigmas: true });
  });

  it('leaves the sample as it is at a timestep without noise, where DDIM and PLMS can', () => {
    expect(refusals('ddim')).toBe(0);
    expect(refusals('plms')).toBe(0);
  });
});
