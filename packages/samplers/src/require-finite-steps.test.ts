import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.js';
import { createSampler } from './create-sampler.js';

const SCHEDULES = [
  { beta_start: 0 },
  { beta_start: 0, beta_schedule: 'scaled_linear' },
  { beta_start: 1e-30 },
  { beta_start: 0, beta_end: 0 },
  { trained_betas: new Array(1000).fill(0) },
  { trained_betas: new Array(1000).fill(0.99) },
];
const SPACINGS = [undefined, 'leading', 'linspace', 'trailing'];

describe('createSampler(config)', () => {
  it.each(CATALOGUE.filter(({ process }) => process === 'betas').map(({ name }) => name))(
    'of %s gives numbers at any noise schedule, or is refused before the first call',
    (name) => {
      let refused = 0;
      for (const schedule of SCHEDULES) {
        for (const timestep_spacing of SPACINGS) {
          const config = { _class_name: name, ...schedule, ...(timestep_spacing && { timestep_spacing }) };
          try {
            const sampler = createSampler(config, { steps: 7 });
            let state = sampler.start(Float32Array.of(1, -0.5));
            for (const _ of sampler.timesteps) {
              state = sampler.step(state, Float32Array.of(0.1, 0.2), () => Float32Array.of(1, 2));
              expect([...state.sample].every(Number.isFinite)).toBe(true);
            }
          } catch (error) {
            if (!CacheQuantError.is(error)) throw error;
            refused += 1;
          }
        }
      }
      expect(refused).toBeGreaterThan(0);
    },
  );

  it('names the call at which a schedule without noise gives no number, and the fields to look at', () => {
    const create = () =>
      createSampler({ _class_name: 'EulerDiscreteScheduler', beta_start: 0 }, { steps: 4 });
    expect(create).toThrow(/call 3 \(timestep 0\).*beta_start/);
  });
});
