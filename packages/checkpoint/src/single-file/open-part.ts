import { CacheQuantError } from '@cachequant/tensor';
import { currentNames } from '../current-names.js';
import type { WeightSource } from '../weight-source.js';
import { type ViewedWeight, WeightView } from '../weight-view.js';
import type { Family } from './family.js';
import type { Component, SingleFilePart } from './open-single-file.js';
import { hasOriginalVae, TEXT_ENCODERS, type TextEncoderPlace, VAES } from './prefixes.js';
import { textEncoderWeights } from './text-encoder.js';
import { textEncoderConfig } from './text-encoder-config.js';
import { vaeConfig, vaeWeights } from './vae.js';

/** Parts that are published without the rest of their model. */
export type LonePart = Exclude<SingleFilePart, 'unet'>;

/**
 * Reads one part out of a file of weights: the part alone, as autoencoders and text encoders are published, under the
 * names of the original code or those of diffusers and transformers; or a whole model in one file.
 * @param family whose part it is, for what shapes do not tell
 * @throws CacheQuantError `checkpoint-format` for a file without the part
 */
export function openPart(source: WeightSource, part: LonePart, family: Family): Component {
  const weights = part === 'vae' ? vaeOf(source) : textEncoderOf(source, part);
  if (weights === undefined) {
    throw new CacheQuantError('checkpoint-format', `the file holds no ${NAMES[part]}`, {
      where: 'names of the weights',
      expected: EXPECTED[part],
      got: [...source.names()].slice(0, 5).join(', '),
    });
  }
  return {
    weights,
    config: part === 'vae' ? vaeConfig(weights, family) : textEncoderConfig(weights, family),
  };
}

const NAMES: Readonly<Record<LonePart, string>> = {
  vae: 'autoencoder',
  text_encoder: 'text encoder of CLIP',
  text_encoder_2: 'text encoder of OpenCLIP',
};

const EXPECTED: Readonly<Record<LonePart, string>> = {
  vae: 'decoder.up.0.… or decoder.up_blocks.0.…, with or without first_stage_model. before it',
  text_encoder: 'text_model.embeddings.token_embedding.weight, as transformers has it',
  text_encoder_2: "token_embedding.weight and text_projection, as OpenCLIP has it, or transformers' names",
};

function vaeOf(source: WeightSource): WeightSource | undefined {
  const prefix = [...VAES, ''].find((before) => hasOriginalVae(source, before));
  if (prefix !== undefined) return new WeightView(source, vaeWeights(source, prefix));
  return source.has('decoder.up_blocks.0.resnets.0.conv1.weight') ? currentNames(source) : undefined;
}

const EMBEDDING = 'embeddings.token_embedding.weight';

function textEncoderOf(source: WeightSource, part: LonePart): WeightSource | undefined {
  const withProjection = part === 'text_encoder_2';
  const bare: readonly TextEncoderPlace[] = [
    { component: 'text_encoder', prefix: '', code: 'transformers', sign: `text_model.${EMBEDDING}` },
    { component: 'text_encoder', prefix: '', code: 'transformers', sign: EMBEDDING },
    { component: 'text_encoder', prefix: '', code: 'open_clip', sign: 'token_embedding.weight' },
  ];
  const places = [...TEXT_ENCODERS.filter(({ component }) => component === part), ...bare];
  const place = places.find(({ sign }) => source.has(sign));
  if (place === undefined) return undefined;
  const weights: ReadonlyMap<string, ViewedWeight> = textEncoderWeights(source, place, { withProjection });
  return withProjection && !weights.has('text_projection.weight')
    ? undefined
    : new WeightView(source, weights);
}
