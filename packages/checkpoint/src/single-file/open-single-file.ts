import type { WeightSource } from '../weight-source.js';
import { type ViewedWeight, WeightView } from '../weight-view.js';
import { type Family, familyOf } from './family.js';
import { modelIndex, schedulerConfig } from './pipeline-config.js';
import { findPrediction, type Prediction, type PredictionType } from './prediction-type.js';
import { EMA, TEXT_ENCODERS, UNET, VAES } from './prefixes.js';
import { textEncoderWeights } from './text-encoder.js';
import { textEncoderConfig } from './text-encoder-config.js';
import { unetConfig } from './unet-config.js';
import { unetLayout } from './unet-layout.js';
import { averagedWeights, unetWeights } from './unet-weights.js';
import { vaeConfig, vaeWeights } from './vae.js';

/** The parts of a model that a single file may hold. */
export type SingleFilePart = 'unet' | 'vae' | 'text_encoder' | 'text_encoder_2';

/** A part of a model: what its folder would hold. */
export interface Component {
  /** The `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Under the names of diffusers and transformers. */
  readonly weights: WeightSource;
}

/** A model that was one file, by parts as its folder would have them. */
export interface SingleFileModel {
  readonly family: Family;
  /** The parts that the file holds; autoencoder and text encoders are often left out. */
  readonly components: ReadonlyMap<SingleFilePart, Component>;
  readonly modelIndex: Readonly<Record<string, unknown>>;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly prediction: Prediction;
  /** Names in the file that the model has no use for; those of training (EMA, noise schedule) are not counted. */
  readonly unused: readonly string[];
}

/** How a single file is read; everything may be left out. */
export interface SingleFileOptions {
  /** Whether to read the averaged weights of the U-Net where the file holds both; the others by default. */
  ema?: boolean;
  /** What the network predicts, where the file does not say or says it wrong. */
  predictionType?: PredictionType;
  /** Configurations in place of those that shapes and the family's usual values make. */
  configs?: Readonly<Partial<Record<SingleFilePart, Component['config']>>>;
  /** Of the file, for marks that its writer left. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Reads a file of the original code of Stable Diffusion 1.x, 2.x or SDXL as if it were a diffusers folder: the same
 * names, as views of the file, and the configurations that diffusers infers for it. Almost nothing is read.
 *
 * Source: `single_file_utils` of diffusers 0.42.1. Differs: configurations come from the shapes of the weights and
 * the family's usual values, not from the Hub.
 *
 * @throws CacheQuantError `unsupported` for other models
 */
export async function openSingleFile(
  source: WeightSource,
  options: SingleFileOptions = {},
): Promise<SingleFileModel> {
  const family = familyOf(source);
  const prediction = await findPrediction(source, options.metadata ?? {}, family, options.predictionType);
  const used = new Set<string>();
  const components = new Map<SingleFilePart, Component>();
  const add = (
    part: SingleFilePart,
    weights: ReadonlyMap<string, ViewedWeight>,
    config: (view: WeightSource) => Component['config'],
  ) => {
    for (const { from } of weights.values()) used.add(from);
    const view = new WeightView(source, weights);
    components.set(part, { weights: view, config: options.configs?.[part] ?? config(view) });
  };

  if (source.has(`${UNET}input_blocks.0.0.weight`)) {
    const layout = unetLayout(source, UNET);
    const plain = unetWeights(source, layout.layersPerBlock);
    const weights = options.ema ? averagedWeights(source, plain) : plain;
    for (const { from } of plain.values()) used.add(from);
    add('unet', weights, () => unetConfig(layout, family, prediction.type));
  }
  const vae = VAES.find((prefix) => source.has(`${prefix}decoder.conv_in.weight`));
  if (vae !== undefined) add('vae', vaeWeights(source, vae), (view) => vaeConfig(view, family));
  for (const place of TEXT_ENCODERS) {
    if (!source.has(place.sign) || components.has(place.component)) continue;
    const withProjection = place.component === 'text_encoder_2';
    const weights = textEncoderWeights(source, place, { withProjection });
    add(place.component, weights, (view) => textEncoderConfig(view, family));
  }
  const scheduler = schedulerConfig(family, prediction);
  const index = modelIndex(family, components.get('unet')?.config, new Set(components.keys()), scheduler);
  const unused = [...source.names()].filter((name) => !used.has(name) && !EXPECTED_REST.test(name));
  return { family, components, modelIndex: index, schedulerConfig: scheduler, prediction, unused };
}

/** What training leaves in a file, buffers, marks, and the last layer that Stable Diffusion 2.x skips. */
const EXPECTED_REST = new RegExp(
  [
    `^${EMA.replace('.', '\\.')}`,
    '^(betas|alphas_cumprod|alphas_cumprod_prev|sqrt_.*|log_one_minus_.*|posterior_.*|logvar|lvlb_weights)$',
    '^(global_step|epoch|v_pred|ztsnr|denoiser\\.sigmas)$',
    '\\.(position_ids|attn_mask|logit_scale)$',
    '^first_stage_model\\.loss\\.',
    '^cond_stage_model\\.model\\.(text_projection|transformer\\.resblocks\\.23\\..*)$',
  ].join('|'),
);
