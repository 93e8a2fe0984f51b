import { createSampler, SAMPLER_NAMES } from '@cachequant/samplers';
import { MersenneTwister } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { predictionCorrection } from './prediction-correction.js';

const CONFIG = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  prediction_type: 'epsilon',
  clip_sample: false,
  clip_denoised: false,
  set_alpha_to_one: true,
};
const SIZE = 6;

describe('predictionCorrection', () => {
  it.each(SAMPLER_NAMES)(
    'finds what was taken away from a prediction, at every call of $name',
    ({ name }) => {
      const generator = new MersenneTwister(4);
      const random = () => Float32Array.from({ length: SIZE }, () => generator.nextUint32() / 2 ** 31 - 1);
      const sampler = createSampler(CONFIG, { sampler: name, steps: 7 });
      let state = sampler.start(random());
      for (let call = 0; call < sampler.calls; call++) {
        const [prediction, missing, noise] = [random(), random(), random()];
        const right = prediction.map((value, i) => value + missing[i]!);
        const next = sampler.step(state, right, () => noise);
        const wanted = next.call < sampler.calls ? sampler.modelInput(next) : next.sample;
        const found = predictionCorrection(sampler, state, prediction, wanted, () => noise);
        // Its first sample is noise alone, of which the prediction says nothing.
        const reached = name !== 'IPNDMScheduler' || call > 0;
        for (const [i, value] of found.entries()) expect(value).toBeCloseTo(reached ? missing[i]! : 0, 2);
        state = next;
      }
    },
  );

  it('is zero where a step goes nowhere, such as the last one to a noise level that is reached', () => {
    const sampler = createSampler({ ...CONFIG, set_alpha_to_one: false }, { sampler: 'pndm', steps: 7 });
    const ones = new Float32Array(SIZE).fill(1);
    let state = sampler.start(ones);
    for (let call = 0; call < sampler.calls - 1; call++) state = sampler.step(state, ones);
    expect(predictionCorrection(sampler, state, ones, ones, () => ones)).toEqual(new Float32Array(SIZE));
  });
});
