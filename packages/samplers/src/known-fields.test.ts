import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.js';
import { createSampler } from './create-sampler.js';

const fixture = JSON.parse(
  readFileSync(new URL('./__fixtures__/diffusers-fields.json', import.meta.url), 'utf8'),
) as { classes: Record<string, string[]>; all: string[]; alignYourSteps: Record<string, number[]> };

describe('the catalogue', () => {
  it.each(Object.entries(fixture.classes))(
    'knows every field of %s in diffusers, and no other',
    (name, fields) => {
      const own = CATALOGUE.find((definition) => definition.name === name)!.fields;
      expect([...own].sort()).toEqual([...fields].sort());
    },
  );

  it('has the classes of which there are golden runs', () => {
    expect(CATALOGUE.map(({ name }) => name).sort()).toEqual(Object.keys(fixture.classes).sort());
  });
});

describe('createSampler', () => {
  it.each(fixture.all)('lets %s be, which some scheduler of diffusers has', (field) => {
    const own = CATALOGUE.find(({ name }) => name === 'LMSDiscreteScheduler')!.fields;
    if (own.includes(field)) return;
    expect(createSampler({ [field]: 'anything' }, { steps: 3, sampler: 'lms' }).calls).toBe(3);
  });

  it.each([
    ['use_quantum_sigmas', true],
    ['predict_epsilon', false],
    ['beta_begin', 0.01],
  ])('refuses %s %j, which no scheduler has, by name', (field, value) => {
    expect(() => createSampler({ [field]: value }, { steps: 3, sampler: 'lms' })).toThrow(
      new RegExp(`${field} is ${value}, and no sampler has this field`),
    );
  });

  it.each([
    ['use_quantum_sigmas', false],
    ['new_option', null],
    ['skips', []],
    ['predict_epsilon', true],
    ['tensor_format', 'pt'],
    ['_use_default_values', ['shift']],
  ])('lets %s %j be, which asks for nothing else', (field, value) => {
    expect(createSampler({ [field]: value }, { steps: 3, sampler: 'lms' }).calls).toBe(3);
  });

  it.each([
    ['Stable Diffusion 1.5', 'StableDiffusionTimesteps', 'align-your-steps-sd15'],
    ['SDXL', 'StableDiffusionXLTimesteps', 'align-your-steps-sdxl'],
  ] as const)('has the published timesteps for %s', (_, published, timesteps) => {
    expect(createSampler({}, { sampler: 'dpm-solver++', timesteps }).timesteps).toEqual(
      fixture.alignYourSteps[published],
    );
  });
});
