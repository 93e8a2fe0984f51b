import { describe, expect, it } from 'vitest';
import { latentConsistencyFamily } from '../conditioning/families/latent-consistency.js';
import { sdxlFamily } from '../conditioning/families/sdxl.js';
import { textFamily } from '../conditioning/families/text.js';
import { generationDefaults } from './generation-defaults.js';

const trailing = { _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'trailing' };

describe('generationDefaults(folder, family)', () => {
  it.each([
    ['Stable Diffusion', { _class_name: 'PNDMScheduler' }, textFamily, 50, 7.5],
    ['SDXL', { _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'leading' }, sdxlFamily, 50, 5],
    ['SD-Turbo', trailing, textFamily, 4, 0],
    ['SDXL-Turbo', { ...trailing, _class_name: 'EulerAncestralDiscreteScheduler' }, sdxlFamily, 4, 0],
    ['a model with the LCM-LoRA', { _class_name: 'LCMScheduler' }, sdxlFamily, 4, 1],
    ['a latent consistency model', { _class_name: 'LCMScheduler' }, latentConsistencyFamily, 4, 8.5],
    ['one with another sampler', { _class_name: 'DDIMScheduler' }, latentConsistencyFamily, 4, 8.5],
    ['a model of TCD', { _class_name: 'TCDScheduler' }, sdxlFamily, 4, 0],
    ['zero signal-to-noise', { ...trailing, rescale_betas_zero_snr: true }, textFamily, 50, 7.5],
    ['v-prediction', { ...trailing, prediction_type: 'v_prediction' }, sdxlFamily, 50, 5],
    ['no sampler', undefined, undefined, 50, 7.5],
  ])('of %s', (_, scheduler, family, steps, guidanceScale) => {
    expect(generationDefaults({ index: undefined, scheduler }, family)).toMatchObject({
      steps,
      guidanceScale,
    });
  });

  it('takes what the folder says before all', () => {
    const index = { num_inference_steps: 8, guidance_scale: 2 };
    expect(generationDefaults({ index, scheduler: trailing }, textFamily)).toEqual({
      steps: 8,
      guidanceScale: 2,
      notes: [],
    });
  });

  it('says what it guessed', () => {
    const { notes } = generationDefaults({ index: undefined, scheduler: trailing }, textFamily);
    expect(notes.join()).toMatch(/EulerDiscreteScheduler with trailing timesteps .* distilled/);
  });
});
