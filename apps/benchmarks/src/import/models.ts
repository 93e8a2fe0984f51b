import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { SCHEDULER_CONFIG } from '../build-model.js';
import { type SeededPart, writeSeededPart } from './seeded-checkpoint.js';

const WEIGHTS = 'diffusion_pytorch_model.fp16.safetensors';

interface SeededModel {
  readonly pipeline: string;
  readonly parts: readonly SeededPart[];
}

/** The parts of Stable Diffusion 1.5 that are computed with, as its repository has them in 16 bits. */
export const SD15: SeededModel = {
  pipeline: 'StableDiffusionPipeline',
  parts: [
    { folder: 'unet', shapes: 'sd-1.5-unet', file: WEIGHTS },
    {
      folder: 'text_encoder',
      shapes: 'sd-1.5-text-encoder',
      file: 'model.fp16.safetensors',
      prefix: 'text_model.',
    },
    { folder: 'vae', shapes: 'sd-1.5-vae', file: WEIGHTS },
  ],
};

/** The denoiser of Stable Diffusion XL. */
export const SDXL: SeededModel = {
  pipeline: 'StableDiffusionXLPipeline',
  parts: [{ folder: 'unet', shapes: 'sdxl-base-unet', file: WEIGHTS }],
};

/**
 * Writes a diffusers folder of a released model's size, once.
 * @returns parameters by part
 */
export async function writeSeededModel(
  folder: string,
  { pipeline, parts }: SeededModel,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const storage: Storage = nodeStorage(folder);
  await writeFile(storage, 'model_index.json', JSON.stringify({ _class_name: pipeline }));
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(SCHEDULER_CONFIG));
  const parameters: Record<string, number> = {};
  for (const part of parts) parameters[part.folder] = await writeSeededPart(storage, part, signal);
  return parameters;
}
