import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { autoencoderSettings, decode, encode } from '../layers/autoencoder.js';
import { convolution } from '../layers/convolution.js';
import type { Architecture, DefineGraph } from './architecture.js';

/** Images → latents, not yet rounded to the codebook. */
const encoder: DefineGraph = (g, config) => {
  const { settings, codeChannels } = read(config);
  const { imageChannels, latentChannels } = settings;
  const sample = g.input('sample', 'float32', ['batch_size', imageChannels, 'height', 'width']);
  const encoded = encode(g.at('encoder'), sample, settings, latentChannels);
  const size = { in: latentChannels, out: codeChannels, kernel: 1 };
  const dims = ['batch_size', codeChannels, 'latent_height', 'latent_width'];
  g.output('latent_sample', convolution(g.at('quant_conv'), encoded, size), dims);
};

/** Latents, rounded to the nearest entries of the codebook → images. */
const decoder: DefineGraph = (g, config) => {
  const { settings, codeChannels, codes } = read(config);
  const { latentChannels, outputChannels } = settings;
  const dims = ['batch_size', codeChannels, 'latent_height', 'latent_width'];
  const rounded = nearestCodes(g, g.input('latent_sample', 'float32', dims), codes, codeChannels);
  const size = { in: codeChannels, out: latentChannels, kernel: 1 };
  const sample = decode(g.at('decoder'), convolution(g.at('post_quant_conv'), rounded, size), settings);
  g.output('sample', sample, ['batch_size', outputChannels, 'height', 'width']);
};

function read(config: Configuration) {
  config.only('norm_type', 'group');
  config.only('lookup_from_codebook', false);
  const settings = autoencoderSettings(config, 3);
  return {
    settings,
    codes: config.integer('num_vq_embeddings', 256),
    codeChannels: config.integer('vq_embed_dim', settings.latentChannels),
  };
}

/** Each place of [B, C, h, w] becomes the code e that is nearest to it: the least |e|² − 2 z·e. */
function nearestCodes(g: Scope, latents: Tensor, codes: number, channels: number): Tensor {
  const table = g.at('quantize.embedding').parameter('weight', [codes, channels]);
  const grid = g.transpose(latents, 0, 2, 3, 1);
  const places = g.reshape(grid, -1, channels);
  const squares = g.node('ReduceSum', [g.multiply(table, table), g.ints(1)], { keepdims: 0 });
  const products = g.node('MatMul', [places, g.transpose(table, 1, 0)]);
  const distances = g.node('Sub', [squares, g.multiply(products, g.scalar(2))]);
  const nearest = g.node('ArgMin', [distances], { axis: 1, keepdims: 0 });
  const chosen = g.node('Gather', [table, nearest], { axis: 0 });
  return g.transpose(g.node('Reshape', [chosen, g.shape(grid)]), 0, 3, 1, 2);
}

/** Sources: van den Oord et al., 2017, https://arxiv.org/abs/1711.00937; Rombach et al., 2022, appendix G */
export const vqModel: Architecture = { className: 'VQModel', parts: { encoder, decoder } };
