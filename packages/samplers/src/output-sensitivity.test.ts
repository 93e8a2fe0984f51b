import { TorchGenerator } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { createSampler } from './create-sampler.js';
import { outputSensitivity } from './output-sensitivity.js';

const CONFIG = {
  _class_name: 'DDIMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  clip_sample: false,
  set_alpha_to_one: true,
  timestep_spacing: 'trailing',
};

describe('outputSensitivity(sampler)', () => {
  it.each([
    ['ddim', 10],
    ['plms', 10],
    ['dpm-solver++', 10],
    ['euler', 10],
  ] as const)('of %s, %d steps, gives what any outputs make of the final sample', (name, steps) => {
    const { clip_sample: _, ...rest } = CONFIG;
    const sampler = createSampler(name === 'ddim' ? CONFIG : rest, {
      steps,
      sampler: name,
      ...(name === 'euler' && { overrides: { timestep_spacing: 'leading' } }),
    });
    const outputs = new TorchGenerator(4).randn(sampler.calls);
    let state = sampler.start(Float32Array.of(0));
    for (const output of outputs) state = sampler.step(state, Float32Array.of(output));
    const expected = outputSensitivity(sampler).reduce((sum, weight, i) => sum + weight * outputs[i]!, 0);
    expect(state.sample[0]).toBeCloseTo(expected, 3);
  });

  it('of DDIM is the change of σ', () => {
    const sampler = createSampler(CONFIG, { steps: 5 });
    const betas = Array.from({ length: 1000 }, (_, i) => {
      const [start, end] = [Math.sqrt(0.00085), Math.sqrt(0.012)];
      return (start + ((end - start) * i) / 999) ** 2;
    });
    let bar = 1;
    const bars = betas.map((beta) => {
      bar *= 1 - beta;
      return bar;
    });
    const sigma = (timestep: number) =>
      timestep < 0 ? 0 : Math.sqrt((1 - bars[timestep]!) / bars[timestep]!);
    const expected = [999, 799, 599, 399, 199].map((t) => sigma(t - 200) - sigma(t));
    for (const [i, weight] of outputSensitivity(sampler).entries())
      expect(weight).toBeCloseTo(expected[i]!, 3);
  });
});
