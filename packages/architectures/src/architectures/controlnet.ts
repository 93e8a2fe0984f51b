import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { activation } from '../layers/activation.js';
import { convolution } from '../layers/convolution.js';
import { skipChannels, unetLevels } from '../layers/unet-levels.js';
import type { Architecture, DefineGraph } from './architecture.js';

/**
 * What a hint, an image at the size of the picture, adds to the skip connections and the middle of a U-Net.
 * Source: Zhang, Rao and Agrawala, 2023, https://arxiv.org/abs/2302.05543
 */
const model: DefineGraph = (g, config) => {
  const inChannels = config.integer('in_channels', 4);
  const sample = g.input('sample', 'float32', ['batch_size', inChannels, 'height', 'width']);
  const levels = unetLevels(g, config);
  const base = levels.channels[0]!;
  const given = hint(g, config, base);
  config.only('global_pool_conditions', false);
  const first = convolution(g.at('conv_in'), sample, { in: inChannels, out: base });
  const lowest = levels.down(g.add(first, given));
  const middle = levels.middle(lowest.x);

  const scale = g.input('conditioning_scale', 'float32', []);
  const give = (name: string, module: Scope, x: Tensor, channels: number) => {
    const residual = convolution(module, x, { in: channels, out: channels, kernel: 1 });
    const dims = ['batch_size', channels, `${name}_height`, `${name}_width`];
    g.output(name, g.multiply(residual, scale), dims);
  };
  const widths = skipChannels(levels);
  for (const [at, skip] of lowest.skips.entries()) {
    give(`down_block_res_samples.${at}`, g.at('controlnet_down_blocks', at), skip, widths[at]!);
  }
  give('mid_block_res_sample', g.at('controlnet_mid_block'), middle, levels.channels.at(-1)!);
};

/** Convolutions from the picture's size to that of the latents, eight times smaller. */
function hint(g: Scope, config: Configuration, out: number): Tensor {
  const channels = config.integers('conditioning_embedding_out_channels', [16, 32, 96, 256]);
  const inChannels = config.integer('conditioning_channels', 3);
  const order = config.choice('controlnet_conditioning_channel_order', ['rgb', 'bgr'], 'rgb');
  const dims = ['batch_size', inChannels, 'hint_height', 'hint_width'];
  const image = g.input('controlnet_cond', 'float32', dims);
  const ordered = order === 'rgb' ? image : g.node('Gather', [image, g.ints(2, 1, 0)], { axis: 1 });
  const module = g.at('controlnet_cond_embedding');
  const active = (x: Tensor) => activation(module, 'silu', x);
  let x = active(convolution(module.at('conv_in'), ordered, { in: inChannels, out: channels[0]! }));
  for (const [at, width] of channels.slice(0, -1).entries()) {
    const next = channels[at + 1]!;
    x = active(convolution(module.at('blocks', 2 * at), x, { in: width, out: width }));
    x = active(convolution(module.at('blocks', 2 * at + 1), x, { in: width, out: next, stride: 2 }));
  }
  return convolution(module.at('conv_out'), x, { in: channels.at(-1)!, out });
}

export const controlNet: Architecture = { className: 'ControlNetModel', parts: { model } };
