import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { fillSkeleton } from './fill-skeleton.js';

const CONFIG = {
  _class_name: 'UNet2DConditionModel',
  in_channels: 4,
  sample_size: 64,
  cross_attention_dim: 768,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
};

/** As in Stable Diffusion 1.5. */
export const SCHEDULER_CONFIG = {
  _class_name: 'PNDMScheduler',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
};

/**
 * Makes a model folder with the U-Net, once.
 * @param skeleton folder with the graph
 */
export async function buildModel(
  skeleton: string,
  folder: string,
  signal: AbortSignal,
  onProgress: (bytes: number, total: number) => void,
): Promise<Storage> {
  const storage = nodeStorage(folder);
  await writeFile(storage, 'model_index.json', JSON.stringify({ _class_name: 'StableDiffusionPipeline' }));
  await writeFile(storage, 'unet/config.json', JSON.stringify(CONFIG));
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(SCHEDULER_CONFIG));
  await fillSkeleton(skeleton, storage, 'unet', signal, onProgress);
  return storage;
}
