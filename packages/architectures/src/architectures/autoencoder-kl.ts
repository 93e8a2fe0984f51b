import type { Configuration } from '../builder/configuration.js';
import { autoencoderSettings, decode, encode } from '../layers/autoencoder.js';
import { convolution } from '../layers/convolution.js';
import type { Architecture, DefineGraph } from './architecture.js';

/** Images → mean and logarithm of the variance of their latents, one after the other along the channels. */
const encoder: DefineGraph = (g, config) => {
  const settings = read(config);
  const { imageChannels, latentChannels, quantConv } = settings;
  const sample = g.input('sample', 'float32', ['batch_size', imageChannels, 'height', 'width']);
  const encoded = encode(g.at('encoder'), sample, settings, 2 * latentChannels);
  const size = { in: 2 * latentChannels, out: 2 * latentChannels, kernel: 1 };
  const parameters = quantConv ? convolution(g.at('quant_conv'), encoded, size) : encoded;
  const dims = ['batch_size', 2 * latentChannels, 'latent_height', 'latent_width'];
  g.output('latent_parameters', parameters, dims);
};

/** Latents → images. */
const decoder: DefineGraph = (g, config) => {
  const settings = read(config);
  const { latentChannels, outputChannels, postQuantConv } = settings;
  const dims = ['batch_size', latentChannels, 'latent_height', 'latent_width'];
  const latents = g.input('latent_sample', 'float32', dims);
  const size = { in: latentChannels, out: latentChannels, kernel: 1 };
  const projected = postQuantConv ? convolution(g.at('post_quant_conv'), latents, size) : latents;
  const sample = decode(g.at('decoder'), projected, settings);
  g.output('sample', sample, ['batch_size', outputChannels, 'height', 'width']);
};

function read(config: Configuration) {
  return {
    ...autoencoderSettings(config, 4),
    quantConv: config.flag('use_quant_conv', true),
    postQuantConv: config.flag('use_post_quant_conv', true),
  };
}

/** Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, appendix G (the KL-regularized one) */
export const autoencoderKL: Architecture = {
  className: 'AutoencoderKL',
  parts: { encoder, decoder },
};
