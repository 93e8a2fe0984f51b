import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation, DIFFUSERS_ACTIVATIONS } from '../layers/activation.js';
import { convolution } from '../layers/convolution.js';
import { enlarge } from '../layers/resampling.js';
import type { Architecture, DefineGraph } from './architecture.js';

/** Images in [−1, 1] → latents, eight times smaller. */
const encoder: DefineGraph = (g, config) => {
  const { image, latent, act, encoder: levels } = read(config);
  const sample = g.input('sample', 'float32', ['batch_size', image.in, 'height', 'width']);
  const chain = new Chain(g.at('encoder.layers'));
  let x = g.node('Div', [g.add(sample, g.scalar(1)), g.scalar(2)]);
  for (const [level, { channels, blocks }] of levels.entries()) {
    x =
      level === 0
        ? convolution(chain.next(), x, { in: image.in, out: channels })
        : convolution(chain.next(), x, { in: channels, out: channels, stride: 2, bias: false });
    for (let block = 0; block < blocks; block++) x = tinyBlock(chain.next(), x, channels, act);
  }
  const result = convolution(chain.next(), x, { in: levels.at(-1)!.channels, out: latent });
  g.output('latent_sample', result, ['batch_size', latent, 'latent_height', 'latent_width']);
};

/** Latents → images in [−1, 1]. */
const decoder: DefineGraph = (g, config) => {
  const { image, latent, act, decoder: levels } = read(config);
  const dims = ['batch_size', latent, 'latent_height', 'latent_width'];
  const latents = g.input('latent_sample', 'float32', dims);
  const chain = new Chain(g.at('decoder.layers'));
  const softened = g.node('Tanh', [g.node('Div', [latents, g.scalar(3)])]);
  let x = g.multiply(softened, g.scalar(3));
  x = convolution(chain.next(), x, { in: latent, out: levels[0]!.channels });
  x = activation(chain.next(), act, x);
  for (const [level, { channels, blocks }] of levels.entries()) {
    const last = level === levels.length - 1;
    for (let block = 0; block < blocks; block++) x = tinyBlock(chain.next(), x, channels, act);
    if (!last) x = enlarge(chain.next(), x);
    x = convolution(chain.next(), x, { in: channels, out: last ? image.out : channels, bias: last });
  }
  const result = g.node('Sub', [g.multiply(x, g.scalar(2)), g.scalar(1)]);
  g.output('sample', result, ['batch_size', image.out, 'height', 'width']);
};

/** Three convolutions, around which it adds. */
function tinyBlock(g: Scope, x: Tensor, channels: number, act: ActivationName): Tensor {
  const size = { in: channels, out: channels };
  const layers = g.at('conv');
  const first = activation(layers.at(1), act, convolution(layers.at(0), x, size));
  const second = activation(layers.at(3), act, convolution(layers.at(2), first, size));
  return activation(g.at('fuse'), 'relu', g.add(convolution(layers.at(4), second, size), x));
}

/** Modules that are numbered one after the other. */
class Chain {
  readonly #g: Scope;
  #next = 0;

  constructor(g: Scope) {
    this.#g = g;
  }

  next(): Scope {
    return this.#g.at(this.#next++);
  }
}

function read(config: Configuration) {
  config.ignore('block_out_channels', 'force_upcast', 'scaling_factor', 'shift_factor');
  config.ignore('latent_magnitude', 'latent_shift');
  config.only('upsampling_scaling_factor', 2);
  config.only('upsample_fn', 'nearest');
  const levels = (side: 'encoder' | 'decoder', usual: readonly number[]) => {
    const channels = config.integers(`${side}_block_out_channels`, [64, 64, 64, 64]);
    const key = `num_${side}_blocks`;
    const blocks = config.integers(key, usual);
    if (blocks.length !== channels.length) throw config.refuse(key, `${channels.length} numbers`);
    return channels.map((width, level) => ({ channels: width, blocks: blocks[level]! }));
  };
  return {
    image: { in: config.integer('in_channels', 3), out: config.integer('out_channels', 3) },
    latent: config.integer('latent_channels', 4),
    act: config.choice('act_fn', DIFFUSERS_ACTIVATIONS, 'relu'),
    encoder: levels('encoder', [1, 3, 3, 3]),
    decoder: levels('decoder', [3, 3, 3, 1]),
  };
}

/** Source: Ollin Boer Bohan's TAESD, https://github.com/madebyollin/taesd, in the form of diffusers */
export const autoencoderTiny: Architecture = {
  className: 'AutoencoderTiny',
  parts: { encoder, decoder },
};
