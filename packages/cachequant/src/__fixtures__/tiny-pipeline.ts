import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRepository } from './command-line.js';

/** Makes a model folder of the smallest kind: a U-Net for 32×32 pixels without text, untrained, with DDIM. */
export function makeTinyPipeline(folder: string, sampler = 'DDIMScheduler'): void {
  mkdirSync(join(folder, 'scheduler'), { recursive: true });
  cpSync(inRepository('models/tiny/ddpm-unet'), join(folder, 'unet'), { recursive: true });
  writeFileSync(join(folder, 'model_index.json'), JSON.stringify({ _class_name: 'DDPMPipeline' }));
  writeFileSync(
    join(folder, 'scheduler/scheduler_config.json'),
    JSON.stringify({ _class_name: sampler, num_train_timesteps: 1000 }),
  );
}
