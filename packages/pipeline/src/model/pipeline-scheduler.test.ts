import { createSampler } from '@cachequant/samplers';
import { describe, expect, it } from 'vitest';
import { modelCopy } from '../__fixtures__/models.js';
import golden from './__fixtures__/pipeline-schedulers.json' with { type: 'json' };
import type { SchedulerConfig } from './component-configs.js';
import { openModelFolder } from './model-folder.js';
import { pipelineScheduler } from './pipeline-scheduler.js';

const SD = 'StableDiffusionPipeline';

describe('pipelineScheduler(config, pipeline)', () => {
  it.each(golden.cases.map((each) => [JSON.stringify(each.config), each] as const))(
    'clips as StableDiffusionPipeline does, at its timesteps: %s',
    (_, { config, clips, timesteps }) => {
      const adapted = pipelineScheduler(config, SD).config;
      const sampler = createSampler(adapted, { steps: golden.steps });
      sampler.timesteps.forEach((timestep, i) => {
        expect(timestep).toBeCloseTo(timesteps[i]!, 3);
      });
      const far = sampler.step(
        sampler.start(new Float32Array(4).fill(50)),
        new Float32Array(4),
        () => new Float32Array(4),
      );
      expect(Math.abs(far.sample[0]!) < 1.5).toBe(clips);
    },
  );

  it('says what it changes, and nothing where the file is right or nothing comes of it', () => {
    const warningsOf = (config: SchedulerConfig) => pipelineScheduler(config, SD).warnings;
    expect(warningsOf({ _class_name: 'DDIMScheduler' })).toEqual([
      'scheduler_config.json leaves out clip_sample; it is taken as false, as StableDiffusionPipeline of diffusers does.',
      'scheduler_config.json leaves out steps_offset; it is taken as 1, as StableDiffusionPipeline of diffusers does.',
    ]);
    expect(warningsOf({ _class_name: 'DDIMScheduler', clip_sample: true, steps_offset: 0 })).toEqual([
      expect.stringContaining('says clip_sample: true'),
      expect.stringContaining('says steps_offset: 0'),
    ]);
    expect(warningsOf({ _class_name: 'DDIMScheduler', clip_sample: false, steps_offset: 1 })).toEqual([]);
    expect(warningsOf({ _class_name: 'PNDMScheduler', steps_offset: 1 })).toEqual([]);
    expect(warningsOf({ _class_name: 'EulerDiscreteScheduler' })).toEqual([]);
  });

  it('leaves the configuration of other pipelines as it is', () => {
    const config = { _class_name: 'DDIMScheduler' };
    for (const pipeline of [undefined, 'DDPMPipeline', 'StableDiffusionXLPipeline']) {
      expect(pipelineScheduler(config, pipeline)).toEqual({ config, warnings: [] });
    }
  });
});

it('openModelFolder gives the scheduler as the pipeline uses it, with what it changed', async () => {
  const json = '{"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear"}';
  const storage = await modelCopy('fashion-sd', { 'scheduler/scheduler_config.json': json });
  const { scheduler, warnings } = await openModelFolder(storage);
  expect(scheduler).toMatchObject({ clip_sample: false, steps_offset: 1, beta_schedule: 'scaled_linear' });
  expect(warnings).toHaveLength(2);
});
