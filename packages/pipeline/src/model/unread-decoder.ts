import { CacheQuantError, type Storage } from '@cachequant/tensor';
import type { ModelIndex } from './component-configs.js';

/** Parts of diffusers' pipelines that a picture can be made without, when its samples are pixels. */
const OTHER_PARTS = new Set([
  'unet',
  'transformer',
  'scheduler',
  'text_encoder',
  'bert',
  'class_embedder',
  'tokenizer',
  'safety_checker',
  'feature_extractor',
  'image_encoder',
  'controlnet',
]);

/** Folders of decoders that exist in diffusers but are not run here. */
const DECODER_FOLDERS = ['movq', 'decoder', 'image_decoder', 'mel'];

/**
 * The part that turns a model's samples into pictures, where that is one which nothing here runs; undefined for a
 * model without one, whose samples are pixels.
 */
export async function unreadDecoder(
  storage: Storage,
  index: ModelIndex | undefined,
): Promise<string | undefined> {
  const named = Object.entries(index ?? {})
    .filter(([name, value]) => isPart(value) && !OTHER_PARTS.has(name.replace(/_\d+$/, '')))
    .map(([name]) => name);
  if (named.length > 0) return named[0];
  for (const folder of DECODER_FOLDERS) {
    if ((await storage.list(folder)).length > 0) return folder;
  }
  return undefined;
}

/** `["library", "Class"]`, as an index names a part; `[null, null]` is a part that is left out. */
function isPart(value: unknown): boolean {
  return Array.isArray(value) && value.some((each) => each !== null);
}

/**
 * Refuses to take latents for pixels.
 * @throws CacheQuantError `storage` for an autoencoder whose decoder is missing, `unsupported` for another decoder
 */
export function requireReadDecoder({
  unreadDecoder: part,
  index,
  controlNet,
}: {
  readonly unreadDecoder: string | undefined;
  readonly index?: ModelIndex | undefined;
  readonly controlNet?: unknown;
}): void {
  if (controlNet === undefined) refuseControl(index);
  if (part === undefined) return;
  if (part === 'vae' || part === 'vqvae') {
    throw new CacheQuantError('storage', 'the decoder is missing', {
      where: 'vae_decoder/',
      expected: `vae_decoder/model.onnx and its config.json, for the ${part} that model_index.json names`,
      hint: 'Export the model again with `optimum-cli export onnx`',
    });
  }
  throw new CacheQuantError('unsupported', `the pictures are made by ${part}, which cannot be run here`, {
    where: `${part}/`,
    expected: 'a decoder in vae_decoder/, or a model whose samples are pixels',
    hint: 'The denoiser alone can be inspected and cut',
  });
}

/** Without what it gives, pictures would follow the text alone, and nobody would be told. */
function refuseControl(index: ModelIndex | undefined): void {
  if (!/ControlNet/.test(index?._class_name ?? '')) return;
  throw new CacheQuantError('storage', 'the ControlNet is missing that the model follows', {
    where: 'controlnet/',
    expected: 'its weights and its config.json, or model.onnx',
    hint: 'Copy the folder whole, or give the ControlNet',
  });
}
