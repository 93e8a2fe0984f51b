import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from '../layers/activation.js';
import { convolution } from '../layers/convolution.js';
import { groupNorm } from '../layers/normalization.js';
import { upBlock } from '../layers/unet-blocks.js';
import { skipChannels, type UNetLevels, UP_BLOCKS, unetLevels } from '../layers/unet-levels.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * The U-Net of Stable Diffusion: images [B, C, H, W] at a time, on texts [B, S, D], give the prediction.
 * Sources: Rombach et al., 2022, https://arxiv.org/abs/2112.10752; Podell et al., 2023,
 * https://arxiv.org/abs/2307.01952 (SDXL); Luo et al., 2023, https://arxiv.org/abs/2310.04378 (LCM)
 */
const model: DefineGraph = (g, config, { controlResiduals = false }) => {
  const inChannels = config.integer('in_channels', 4);
  const outChannels = config.integer('out_channels', 4);
  const sample = g.input('sample', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const levels = unetLevels(g, config);
  const { channels, style } = levels;
  const types = config.choices('up_block_types', UP_BLOCKS, [
    'UpBlock2D',
    'CrossAttnUpBlock2D',
    'CrossAttnUpBlock2D',
    'CrossAttnUpBlock2D',
  ]);
  if (types.length !== channels.length) throw config.refuse('up_block_types', `${channels.length} blocks`);

  const centered = config.flag('center_input_sample', false)
    ? g.node('Sub', [g.multiply(sample, g.scalar(2)), g.scalar(1)])
    : sample;
  const first = convolution(g.at('conv_in'), centered, {
    in: inChannels,
    out: channels[0]!,
    kernel: config.integer('conv_in_kernel', 3),
  });
  const lowest = levels.down(first);
  const middle = levels.middle(lowest.x);
  const controlled = controlResiduals ? addControl(g, levels, lowest.skips, middle) : undefined;
  const skips = controlled?.skips ?? lowest.skips;

  let x = controlled?.middle ?? middle;
  for (const [at, type] of types.entries()) {
    const level = channels.length - 1 - at;
    x = upBlock(g.at('up_blocks', at), x, skips, {
      style,
      below: channels[Math.min(level + 1, channels.length - 1)]!,
      in: channels[Math.max(level - 1, 0)]!,
      out: channels[level]!,
      layers: levels.layers[level]! + 1,
      attend: levels.attendOf(type, level, true),
      upsample: level > 0 ? 'conv' : undefined,
    });
  }

  const { groups, eps, act } = style;
  const last = groupNorm(g.at('conv_norm_out'), x, { channels: channels[0]!, groups, eps });
  const prediction = convolution(g.at('conv_out'), activation(g.at('conv_act'), act, last), {
    in: channels[0]!,
    out: outChannels,
    kernel: config.integer('conv_out_kernel', 3),
  });
  g.output('out_sample', prediction, ['batch_size', outChannels, 'height', 'width']);
};

/** What a ControlNet gives is added to every skip connection and to the middle. */
function addControl(
  g: Scope,
  levels: UNetLevels,
  skips: readonly Tensor[],
  middle: Tensor,
): { skips: Tensor[]; middle: Tensor } {
  const widths = skipChannels(levels);
  const residual = (name: string, channels: number) =>
    g.input(name, 'float32', ['batch_size', channels, `${name}_height`, `${name}_width`]);
  return {
    skips: skips.map((skip, at) =>
      g.add(skip, residual(`down_block_additional_residual.${at}`, widths[at]!)),
    ),
    middle: g.add(middle, residual('mid_block_additional_residual', levels.channels.at(-1)!)),
  };
}

export const unet2DCondition: Architecture = {
  className: 'UNet2DConditionModel',
  parts: { model },
};
