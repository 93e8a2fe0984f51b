import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseSchedulerConfig } from '@cachequant/samplers';
import { CACHE, FASHION } from '../paths.js';

/** Everything of the ablation that can be made again. */
export const ABLATION = path.join(CACHE, '../ablation');

/**
 * A copy of models/fashion-sd whose samplers all go from the last timestep to the clean picture. As the model comes,
 * 50 steps begin at timestep 981 and 400 at 998, and that alone would tell samplers apart.
 * @returns its folder and the sampler's configuration
 */
export async function commonGridModel(): Promise<{ folder: string; schedulerConfig: unknown }> {
  const folder = path.join(ABLATION, 'model');
  await mkdir(ABLATION, { recursive: true });
  await cp(FASHION, folder, { recursive: true, preserveTimestamps: true });
  const file = path.join(folder, 'scheduler/scheduler_config.json');
  const config = parseSchedulerConfig(
    await readFile(path.join(FASHION, 'scheduler/scheduler_config.json'), 'utf8'),
  );
  const schedulerConfig = { ...(config as object), timestep_spacing: 'trailing', set_alpha_to_one: true };
  await writeFile(file, JSON.stringify(schedulerConfig, null, 2));
  return { folder, schedulerConfig };
}
