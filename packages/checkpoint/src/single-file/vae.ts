import { CacheQuantError } from '@cachequant/tensor';
import { countWhile } from '../count-while.js';
import type { WeightSource } from '../weight-source.js';
import { countOf } from '../weight-types.js';
import type { ViewedWeight } from '../weight-view.js';
import type { Family } from './family.js';
import { becomesLinear, vaeLayerName } from './vae-names.js';

const SCALING_FACTORS: Readonly<Record<Family, number>> = {
  sd1: 0.18215,
  sd2: 0.18215,
  sdxl: 0.13025,
  'sdxl-refiner': 0.13025,
};

/** The weights of an autoencoder under diffusers' names, by the names of the file that they come from. */
export function vaeWeights(source: WeightSource, prefix: string): Map<string, ViewedWeight> {
  const levels = countLevels(source, prefix);
  const weights = new Map<string, ViewedWeight>();
  for (const from of source.names()) {
    const parts = from.startsWith(prefix) ? /^(.+)\.(weight|bias)$/.exec(from.slice(prefix.length)) : null;
    if (parts === null || !/^(encoder|decoder|quant_conv|post_quant_conv)\b/.test(parts[1]!)) continue;
    const layer = vaeLayerName(parts[1]!, levels);
    const linear = parts[2] === 'weight' && becomesLinear(layer);
    weights.set(`${layer}.${parts[2]}`, linear ? asMatrix(source, from) : { from });
  }
  return weights;
}

/**
 * The `config.json` of AutoencoderKL, from the shapes of its weights under diffusers' names.
 * Source: `create_vae_diffusers_config_from_ldm` (diffusers).
 */
export function vaeConfig(weights: WeightSource, family: Family): Record<string, unknown> {
  const channels = (name: string, axis: 0 | 1) => weights.shapeOf(name)[axis]!;
  const levels = countWhile((level) => weights.has(`decoder.up_blocks.${level}.resnets.0.conv1.weight`));
  const large = family.startsWith('sdxl');
  return {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: Array.from({ length: levels }, (_, level) =>
      channels(`decoder.up_blocks.${levels - 1 - level}.resnets.0.conv2.weight`, 0),
    ),
    down_block_types: Array(levels).fill('DownEncoderBlock2D'),
    ...(large ? { force_upcast: true } : {}),
    in_channels: weights.has('encoder.conv_in.weight') ? channels('encoder.conv_in.weight', 1) : 3,
    latent_channels: channels('decoder.conv_in.weight', 1),
    layers_per_block: countWhile((i) => weights.has(`decoder.up_blocks.0.resnets.${i}.conv1.weight`)) - 1,
    norm_num_groups: 32,
    out_channels: channels('decoder.conv_out.weight', 0),
    sample_size: family === 'sd2' ? 768 : large ? 1024 : 512,
    scaling_factor: SCALING_FACTORS[family],
    up_block_types: Array(levels).fill('UpDecoderBlock2D'),
  };
}

function countLevels(source: WeightSource, prefix: string): number {
  return countWhile((level) => source.has(`${prefix}decoder.up.${level}.block.0.conv1.weight`));
}

function asMatrix(source: WeightSource, from: string): ViewedWeight {
  const [rows, columns, ...kernel] = source.shapeOf(from);
  if (countOf(kernel) === 1) return { from, dims: [rows!, columns!] };
  throw new CacheQuantError(
    'checkpoint-format',
    "the autoencoder's attention is not made of 1×1 convolutions",
    {
      where: `weight '${from}'`,
      got: `[${source.shapeOf(from)}]`,
    },
  );
}
