import { CacheQuantError } from '@cachequant/tensor';
import { countWhile } from '../count-while.js';
import type { WeightSource } from '../weight-source.js';

/** What the names and shapes of an original U-Net tell of it. */
export interface UnetLayout {
  readonly layersPerBlock: number;
  /** Channels of each level, from the latent's resolution downwards. */
  readonly channels: readonly number[];
  /** Transformer blocks in one attention layer of each level; 0 where there is no attention. */
  readonly depths: readonly number[];
  readonly middleDepth: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly contextWidth: number;
  readonly linearProjections: boolean;
  /** Width of the vector beside the prompt, where there is one. */
  readonly labelWidth: number | undefined;
}

/**
 * Reads the layout of a U-Net from the names and shapes of its weights.
 * @param prefix before the original names
 * @throws CacheQuantError `unsupported` for networks whose two halves differ, or without attention to a prompt
 */
export function unetLayout(source: WeightSource, prefix: string): UnetLayout {
  const shape = (name: string) => source.shapeOf(`${prefix}${name}`);
  const depthAt = (place: string) =>
    countWhile((i) => source.has(`${prefix}${place}.transformer_blocks.${i}.norm1.weight`));
  const inputs = countWhile(
    (i) =>
      source.has(`${prefix}input_blocks.${i}.0.${i === 0 ? 'weight' : 'in_layers.0.weight'}`) ||
      source.has(`${prefix}input_blocks.${i}.0.op.weight`),
  );
  const firstDown = countWhile((i) => i < inputs && !source.has(`${prefix}input_blocks.${i}.0.op.weight`));
  const layersPerBlock = firstDown - 1;
  const levels = Array.from({ length: Math.ceil((inputs - 1) / (layersPerBlock + 1)) }, (_, level) => level);
  const entry = (level: number) => `input_blocks.${level * (layersPerBlock + 1) + 1}`;
  const depths = levels.map((level) => depthAt(`${entry(level)}.1`));
  const middleDepth = depthAt('middle_block.1');
  checkMirror(depths, (level) =>
    depthAt(`output_blocks.${(levels.length - 1 - level) * (layersPerBlock + 1)}.1`),
  );
  const attention = 'middle_block.1.transformer_blocks.0.attn2.to_k.weight';
  if (!source.has(`${prefix}${attention}`))
    unsupported('a U-Net without attention to a prompt in its middle');
  const labels = 'label_emb.0.0.weight';
  return {
    layersPerBlock,
    channels: levels.map((level) => shape(`${entry(level)}.0.out_layers.3.weight`)[0]!),
    depths,
    middleDepth,
    inChannels: shape('input_blocks.0.0.weight')[1]!,
    outChannels: shape('out.2.weight')[0]!,
    contextWidth: shape(attention)[1]!,
    linearProjections: shape('middle_block.1.proj_in.weight').length === 2,
    labelWidth: source.has(`${prefix}${labels}`) ? shape(labels)[1]! : undefined,
  };
}

function checkMirror(depths: readonly number[], upDepth: (level: number) => number): void {
  const up = depths.map((_, level) => upDepth(level));
  if (up.some((depth, level) => depth !== depths[level])) {
    unsupported(`transformer blocks per level ${depths} on the way down, ${up} on the way up`);
  }
}

function unsupported(got: string): never {
  throw new CacheQuantError('unsupported', 'a single file of this U-Net is not read', {
    where: 'names of the weights',
    got,
    hint: 'Use the model as a diffusers folder, whose config.json describes it',
  });
}
