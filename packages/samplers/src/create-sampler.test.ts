import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { parseSchedulerConfig } from './config.js';
import { createSampler, SAMPLER_NAMES } from './create-sampler.js';

const STABLE_DIFFUSION = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.42.1',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};

function errorOf(action: () => unknown): CacheQuantError {
  try {
    action();
  } catch (error) {
    if (CacheQuantError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('createSampler', () => {
  it('lays PLMS out with one call more than there are steps', () => {
    const sampler = createSampler(STABLE_DIFFUSION, { steps: 4 });
    expect(sampler.timesteps).toEqual([751, 501, 501, 251, 1]);
    expect(sampler).toMatchObject({ name: 'PNDMScheduler', steps: 4, calls: 5, stochastic: false });
  });

  it.each(
    SAMPLER_NAMES.flatMap(({ name, shortNames }) => [name, ...shortNames].map((given) => [given, name])),
  )('takes %s for %s', (sampler, name) => {
    const { _class_name, ...classless } = STABLE_DIFFUSION;
    expect(createSampler(classless, { steps: 5, sampler }).name).toBe(name);
  });

  it('gives every name to one sampler alone', () => {
    const names = SAMPLER_NAMES.flatMap(({ name, shortNames }) => [name, ...shortNames]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('keeps the noise schedule and the offset when it changes the class', () => {
    const own = createSampler(STABLE_DIFFUSION, { steps: 5 });
    const other = createSampler(STABLE_DIFFUSION, { steps: 5, sampler: 'ddim' });
    const noise = Float32Array.of(1, -2);
    const first = (sampler: typeof own) => sampler.step(sampler.start(noise), Float32Array.of(0.5, 3)).sample;
    // The first steps of PLMS and DDIM are the same, but only with the same betas and timesteps.
    expect(other.timesteps[0]).toBe(own.timesteps[0]);
    first(other).forEach((value, i) => {
      expect(value).toBeCloseTo(first(own)[i]!, 5);
    });
  });

  it('does not begin to clip when it changes to a class that clips by default', () => {
    const noise = Float32Array.of(40);
    const clipped = createSampler({ _class_name: 'DDIMScheduler' }, { steps: 5 });
    const converted = createSampler({ _class_name: 'PNDMScheduler' }, { steps: 5, sampler: 'ddim' });
    const asked = createSampler(
      { _class_name: 'PNDMScheduler' },
      { steps: 5, sampler: 'ddim', overrides: { clip_sample: true } },
    );
    const alsoClips = createSampler({ _class_name: 'DDPMScheduler' }, { steps: 5, sampler: 'ddim' });
    const [a, b, c, d] = [clipped, converted, asked, alsoClips].map(
      (sampler) => sampler.step(sampler.start(noise), Float32Array.of(0)).sample[0]!,
    );
    expect(b).toBeGreaterThan(2 * a!);
    expect(c).toBe(a);
    expect(d).toBe(a);
  });

  it('skips Runge–Kutta for plms whatever the configuration says, and not for pndm', () => {
    const config = { ...STABLE_DIFFUSION, skip_prk_steps: false };
    expect(createSampler(config, { steps: 10, sampler: 'plms' }).calls).toBe(11);
    expect(createSampler(config, { steps: 10, sampler: 'pndm' }).calls).toBe(19);
  });

  it('overrides fields of the class', () => {
    const sampler = createSampler(STABLE_DIFFUSION, { steps: 4, overrides: { steps_offset: 0 } });
    expect(sampler.timesteps[0]).toBe(750);
  });

  it('refuses to override a field that the class does not have', () => {
    const overrides = { use_karras_sigmas: true };
    const error = errorOf(() => createSampler(STABLE_DIFFUSION, { steps: 4, overrides }));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(/PNDMScheduler has no field use_karras_sigmas .*skip_prk_steps/);
  });

  it.each([0, -1, 2.5, 1001, Number.NaN])('refuses %s steps and says how many are possible', (steps) => {
    const error = errorOf(() => createSampler(STABLE_DIFFUSION, { steps }));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toContain('an integer from 1 to 1000 (num_train_timesteps)');
  });

  it('refuses steps that an offset pushes out of the training range', () => {
    expect(() => createSampler(STABLE_DIFFUSION, { steps: 1000 })).toThrow(
      /1000 steps lead to timestep 1000/,
    );
  });

  it('refuses as many steps as would repeat a noise level', () => {
    const sampler = 'dpm-solver++';
    expect(() => createSampler(STABLE_DIFFUSION, { steps: 1000, sampler })).toThrow(
      /too many for this spacing/,
    );
  });

  it('refuses Runge–Kutta with three steps', () => {
    const overrides = { skip_prk_steps: false };
    expect(() => createSampler(STABLE_DIFFUSION, { steps: 3, overrides })).toThrow(/at least 4 steps, got 3/);
  });

  it.each([
    ['prediction_type', 'flow_prediction', 'ddim', /"epsilon" or "v_prediction" or "sample"/],
    ['beta_schedule', 'sigmoid', 'ddim', /"linear" or "scaled_linear" or "squaredcos_cap_v2"/],
    ['prediction_type', 'sample', 'plms', /"epsilon" or "v_prediction"/],
    ['algorithm_type', 'dpmsolver', 'dpm-solver++', /"dpmsolver\+\+" or "sde-dpmsolver\+\+"/],
    ['timestep_type', 'other', 'euler', /expected "discrete" or "continuous"/],
    ['interpolation_type', 'cubic', 'euler', /expected "linear" or "log_linear"/],
    ['time_shift_type', 'linear', 'dpm-solver++', /expected "exponential"/],
    ['solver_type', 'bh3', 'unipc', /expected "midpoint" or "heun" or "logrho" or "bh1" or "bh2"/],
    [
      'variance_type',
      'learned',
      'ddpm',
      /"fixed_small" or "fixed_small_log" or "fixed_large" or "learned_range"/,
    ],
  ])('refuses %s %j for %s and says what is possible', (field, value, sampler, possible) => {
    const error = errorOf(() =>
      createSampler({ ...STABLE_DIFFUSION, [field]: value }, { steps: 4, sampler }),
    );
    expect(error.code).toBe('unsupported');
    expect(error.message).toContain(`${field} is ${JSON.stringify(value)}`);
    expect(error.message).toMatch(possible);
  });

  it.each([
    ['num_train_timesteps', '1000'],
    ['num_train_timesteps', 10.5],
    ['beta_start', Number.NaN],
    ['beta_end', 2],
    ['beta_end', null],
    ['steps_offset', -1],
    ['skip_prk_steps', 'yes'],
    ['trained_betas', { 0: 1 }],
    ['trained_betas', [0.1, 0.2]],
  ])('refuses the malformed %s %j by name', (field, value) => {
    const error = errorOf(() => createSampler({ ...STABLE_DIFFUSION, [field]: value }, { steps: 4 }));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toContain(field);
  });

  it('names the element of trained_betas that is wrong', () => {
    const config = { ...STABLE_DIFFUSION, trained_betas: [0.1, 'x'] };
    expect(() => createSampler(config, { steps: 1 })).toThrow(/trained_betas\[1\] .*got "x"/);
  });

  it.each([
    [
      'ddim',
      { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' },
      /cannot start from a timestep without/,
    ],
    ['dpm-solver++', { use_karras_sigmas: true, use_exponential_sigmas: true }, /exclude each other/],
    ['euler', { use_karras_sigmas: true, use_exponential_sigmas: true }, /exclude each other/],
    ['dpm-solver++', { algorithm_type: 'sde-dpmsolver++', solver_order: 3 }, /solver_order 1 or 2/],
  ])('refuses the combination for %s: %j', (sampler, overrides, message) => {
    expect(errorOf(() => createSampler(STABLE_DIFFUSION, { steps: 4, sampler, overrides })).message).toMatch(
      message,
    );
  });

  it.each([undefined, null, 'DDIMScheduler', 7, []])('refuses %j for a configuration', (config) => {
    expect(errorOf(() => createSampler(config, { steps: 4 })).message).toMatch(
      /configuration is not an object/,
    );
  });

  it('refuses a configuration without a class unless one is named', () => {
    expect(errorOf(() => createSampler({}, { steps: 4 })).message).toMatch(/does not name its class/);
    expect(createSampler({}, { steps: 4, sampler: 'euler' }).name).toBe('EulerDiscreteScheduler');
  });

  it.each([0, 1.5])('refuses %s images', (images) => {
    expect(() => createSampler(STABLE_DIFFUSION, { steps: 4, images })).toThrow(/number of images/);
  });
});

describe('parseSchedulerConfig', () => {
  it('reads the infinities that Python writes, and leaves strings alone', () => {
    const text =
      '{"lambda_min_clipped": -Infinity, "a": Infinity, "b": NaN, "c": "-Infinity \\" NaN", "d": -1}';
    const expected = { lambda_min_clipped: -Infinity, a: Infinity, b: null, c: '-Infinity " NaN', d: -1 };
    expect(parseSchedulerConfig(text)).toEqual(expected);
  });

  it('refuses what is not JSON', () => {
    expect(errorOf(() => parseSchedulerConfig('{')).code).toBe('invalid-argument');
  });
});
