import { createSampler } from '@cachequant/samplers';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { calibratedSampler, possibleSampler } from './calibrated-sampler.js';

async function folderWith(config: object) {
  const storage = memoryStorage();
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(config));
  return storage;
}

const madeFor = (name: string, steps: number, calls: number) => ({ sampler: { name, steps, calls } });

describe('calibratedSampler(storage, manifest)', () => {
  it('is the class that the manifest names, with the noise schedule of the folder', async () => {
    const config = { _class_name: 'DDIMScheduler', steps_offset: 1, num_train_timesteps: 500 };
    const found = await calibratedSampler(
      await folderWith(config),
      madeFor('EulerDiscreteScheduler', 20, 20),
    );
    expect(found?.name).toBe('EulerDiscreteScheduler');
    const { timesteps } = createSampler(config, { steps: 20, sampler: 'euler' });
    expect(found?.sampler.timesteps).toEqual(timesteps);
  });

  it('is PLMS where the class by itself begins with Runge–Kutta', async () => {
    const storage = await folderWith({ _class_name: 'DDIMScheduler' });
    expect(await calibratedSampler(storage, madeFor('PNDMScheduler', 50, 59))).toMatchObject({
      name: 'PNDMScheduler',
    });
    const plms = await calibratedSampler(storage, madeFor('PNDMScheduler', 50, 51));
    expect(plms).toMatchObject({ name: 'plms', sampler: { calls: 51 } });
  });

  it('is none where the folder does not give so many calls, or there is no such sampler', async () => {
    const storage = await folderWith({ _class_name: 'DDIMScheduler' });
    expect(await calibratedSampler(storage, madeFor('DDIMScheduler', 50, 51))).toBeUndefined();
    expect(await calibratedSampler(storage, madeFor('OtherScheduler', 50, 50))).toBeUndefined();
  });
});

describe('possibleSampler(config, name, steps)', () => {
  it('is none of more steps than the noise schedule has', () => {
    expect(possibleSampler({ num_train_timesteps: 100 }, 'ddim', 100)?.steps).toBe(100);
    expect(possibleSampler({ num_train_timesteps: 100 }, 'ddim', 101)).toBeUndefined();
  });
});
