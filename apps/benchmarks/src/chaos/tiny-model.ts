import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE, ROOT } from '../paths.js';

/** The smallest model that draws: a U-Net for 32×32 pixels without text, untrained, with DDIM. */
export function tinyModel(): string {
  const folder = path.join(CACHE, 'tiny-pixels');
  if (existsSync(path.join(folder, 'model_index.json'))) return folder;
  mkdirSync(path.join(folder, 'scheduler'), { recursive: true });
  cpSync(path.join(ROOT, 'models/tiny/ddpm-unet'), path.join(folder, 'unet'), { recursive: true });
  const scheduler = { _class_name: 'DDIMScheduler', num_train_timesteps: 1000 };
  writeFileSync(path.join(folder, 'scheduler/scheduler_config.json'), JSON.stringify(scheduler));
  writeFileSync(path.join(folder, 'model_index.json'), JSON.stringify({ _class_name: 'DDPMPipeline' }));
  return folder;
}
