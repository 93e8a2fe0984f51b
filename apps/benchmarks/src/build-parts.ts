import path from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { SCHEDULER_CONFIG } from './build-model.js';
import { fillSkeleton } from './fill-skeleton.js';
import { ROOT } from './paths.js';

const MODELS = path.join(ROOT, 'models');

/** As in Stable Diffusion 1.5. */
const CONFIGS = {
  vae_decoder: {
    _class_name: 'AutoencoderKL',
    block_out_channels: [128, 256, 512, 512],
    latent_channels: 4,
    scaling_factor: 0.18215,
    sample_size: 512,
  },
  text_encoder: { hidden_size: 768, max_position_embeddings: 77, vocab_size: 49408 },
};

/**
 * Makes a model folder whose decoder and text encoder have the size of Stable Diffusion 1.5's, once. Its denoiser is
 * a tiny one, which `optimize` needs and nobody measures, and its tokenizer that of the example model: any ids do.
 */
export async function buildParts(folder: string, signal: AbortSignal): Promise<Storage> {
  const storage = nodeStorage(folder);
  const copies = [
    ['tiny/sd-unet-float-timestep/model.onnx', 'unet/model.onnx'],
    ['tiny/sd-unet-float-timestep/config.json', 'unet/config.json'],
    ['fashion-sd/tokenizer/tokenizer.json', 'tokenizer/tokenizer.json'],
    ['fashion-sd/tokenizer/tokenizer_config.json', 'tokenizer/tokenizer_config.json'],
  ] as const;
  for (const [from, to] of copies) await writeFile(storage, to, await nodeStorage(MODELS).read(from));
  await writeFile(storage, 'model_index.json', JSON.stringify({ _class_name: 'StableDiffusionPipeline' }));
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(SCHEDULER_CONFIG));
  for (const [part, config] of Object.entries(CONFIGS)) {
    await writeFile(storage, `${part}/config.json`, JSON.stringify(config));
    await fillSkeleton(path.join(MODELS, `skeletons/sd15-${part.replace('_', '-')}`), storage, part, signal);
  }
  return storage;
}
