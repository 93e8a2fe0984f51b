import { CacheQuantError } from '@cachequant/tensor';
import type { WeightSource } from '../weight-source.js';
import { UNET } from './prefixes.js';

/** The models whose original files are read. */
export type Family = 'sd1' | 'sd2' | 'sdxl' | 'sdxl-refiner';

/** A weight that only the U-Net of Stable Diffusion 2.x has in this place, 1024 wide. */
const SD2_SIGN = `${UNET}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight`;
/** OpenCLIP's text encoder: the second one of SDXL, the only one of its refiner. */
const SDXL_SIGN = 'conditioner.embedders.1.model.token_embedding.weight';
const REFINER_SIGN = 'conditioner.embedders.0.model.token_embedding.weight';
const LABELS = `${UNET}label_emb.0.0.weight`;

/** Width of the vector beside the prompt: the pooled prompt (1280) and the numbers of a size (256 each). */
const FAMILY_OF_LABELS: Readonly<Record<number, Family>> = { 2816: 'sdxl', 2560: 'sdxl-refiner' };

const OTHER_MODELS: readonly (readonly [sign: string, name: string])[] = [
  ['edm_mean', 'Playground v2.5'],
  [`${UNET}joint_blocks.0.context_block.adaLN_modulation.1.bias`, 'Stable Diffusion 3'],
  ['joint_blocks.0.context_block.adaLN_modulation.1.bias', 'Stable Diffusion 3'],
  [`${UNET}double_blocks.0.img_attn.norm.key_norm.scale`, 'Flux'],
  ['double_blocks.0.img_attn.norm.key_norm.scale', 'Flux'],
  [`${UNET}label_emb.weight`, "Stable Diffusion's upscaler"],
  ['control_model.time_embed.0.weight', 'a ControlNet'],
  ['clip_txt_mapper.weight', 'Stable Cascade'],
];

/**
 * Tells the model of an original file by its names and shapes, as diffusers does (`infer_diffusers_model_type`).
 * Differs: SDXL is also recognized without its text encoders, or by any size of them, and a file with nothing of these is refused, where
 * diffusers takes it for Stable Diffusion 1.x.
 *
 * @throws CacheQuantError `unsupported` for other models, by name where it is known
 */
export function familyOf(source: WeightSource): Family {
  if (source.has(SD2_SIGN) && source.shapeOf(SD2_SIGN).at(-1) === 1024) return 'sd2';
  const other = OTHER_MODELS.find(([sign]) => source.has(sign));
  if (other !== undefined) refuse(other[1]);
  if (source.has(SDXL_SIGN)) return 'sdxl';
  if (source.has(REFINER_SIGN)) return 'sdxl-refiner';
  if (source.has(LABELS)) {
    return (
      FAMILY_OF_LABELS[source.shapeOf(LABELS)[1]!] ?? refuse('a U-Net with other class embeddings than SDXL')
    );
  }
  if (source.has(`${UNET}input_blocks.0.0.weight`)) return 'sd1';
  return refuse(source.has('conv_in.weight') ? "one network under diffusers' names" : 'none of these');
}

function refuse(got: string): never {
  throw new CacheQuantError(
    'unsupported',
    'this single file is of a model that is not read from single files',
    {
      where: 'names of the weights',
      expected: 'Stable Diffusion 1.x, 2.x, SDXL base or refiner, as their original code saves them',
      got,
      hint: 'Use the model as a diffusers folder',
    },
  );
}
