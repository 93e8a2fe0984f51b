import { readFileSync } from 'node:fs';
import path from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { SCHEDULER_CONFIG } from '../build-model.js';
import { type SeededPart, writeSeededPart } from '../import/seeded-checkpoint.js';
import { FASHION } from '../paths.js';

const TOKENIZER = path.join(FASHION, 'tokenizer');

const PARTS: readonly SeededPart[] = [
  { folder: 'unet', shapes: 'sd-1.5-unet', file: 'diffusion_pytorch_model.safetensors' },
  { folder: 'vae', shapes: 'sd-1.5-vae', file: 'diffusion_pytorch_model.safetensors' },
  {
    folder: 'text_encoder',
    shapes: 'sd-1.5-text-encoder',
    file: 'model.safetensors',
    prefix: 'text_model.',
  },
];

const INDEX = {
  _class_name: 'StableDiffusionPipeline',
  scheduler: ['diffusers', 'EulerDiscreteScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
};

/** Tokens of a prompt. */
const LENGTH = 77;

/**
 * Makes a folder as diffusers saves Stable Diffusion 1.5, once, with seeded weights in float16. Both servers read it. The
 * tokenizer is that of the example model, with 77 tokens: any ids do.
 */
export async function writeSd15Folder(
  folder: string,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<void> {
  const storage: Storage = nodeStorage(folder);
  for (const part of PARTS) {
    log(`weights of ${part.folder}`);
    await writeSeededPart(storage, part, signal);
  }
  const scheduler = {
    ...SCHEDULER_CONFIG,
    _class_name: 'EulerDiscreteScheduler',
    timestep_spacing: 'leading',
  };
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(scheduler));
  await writeFile(storage, 'tokenizer/tokenizer.json', readFileSync(path.join(TOKENIZER, 'tokenizer.json')));
  const words = JSON.parse(readFileSync(path.join(TOKENIZER, 'tokenizer_config.json'), 'utf8'));
  await writeFile(
    storage,
    'tokenizer/tokenizer_config.json',
    JSON.stringify({ ...words, model_max_length: LENGTH }),
  );
  await writeFile(storage, 'model_index.json', JSON.stringify(INDEX));
}
