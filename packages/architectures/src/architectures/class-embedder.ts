import type { Architecture, DefineGraph } from './architecture.js';

/**
 * The table of classes of latent diffusion: labels [B] → one state each, [B, 1, D], which the denoiser attends to.
 * Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, section 4.3.2, as `ClassEmbedder` of their code
 */
const model: DefineGraph = (g, config) => {
  const classes = config.integer('n_classes', 1000);
  const size = config.integer('embed_dim');
  config.ignore('key');
  const labels = g.input('class_labels', 'int64', ['batch_size']);
  const states = g.at('embedding').lookUp('weight', [classes, size], labels);
  g.output('encoder_hidden_states', g.reshape(states, -1, 1, size), ['batch_size', 1, size]);
};

export const classEmbedder: Architecture = { className: 'ClassEmbedder', parts: { model } };
