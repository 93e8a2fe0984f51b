import { countWhile } from '../count-while.js';
import type { WeightSource } from '../weight-source.js';
import type { Family } from './family.js';

/** All text encoders of these models have heads of this size. */
const HEAD_SIZE = 64;

/**
 * The `config.json` of a text encoder, from the shapes of its weights.
 * Source: the configurations of the models' repositories; what shapes do not tell is the same in all of them.
 */
export function textEncoderConfig(weights: WeightSource, family: Family): Record<string, unknown> {
  const [vocabulary, width] = weights.shapeOf('text_model.embeddings.token_embedding.weight') as [
    number,
    number,
  ];
  const withProjection = weights.has('text_projection.weight');
  const openClip = withProjection || family === 'sd2';
  return {
    architectures: [withProjection ? 'CLIPTextModelWithProjection' : 'CLIPTextModel'],
    model_type: 'clip_text_model',
    vocab_size: vocabulary,
    max_position_embeddings: weights.shapeOf('text_model.embeddings.position_embedding.weight')[0]!,
    hidden_size: width,
    intermediate_size: weights.shapeOf('text_model.encoder.layers.0.mlp.fc1.weight')[0]!,
    num_hidden_layers: countWhile((layer) =>
      weights.has(`text_model.encoder.layers.${layer}.layer_norm1.weight`),
    ),
    num_attention_heads: Math.max(1, width / HEAD_SIZE),
    hidden_act: openClip ? 'gelu' : 'quick_gelu',
    layer_norm_eps: 1e-5,
    projection_dim: withProjection
      ? weights.shapeOf('text_projection.weight')[0]!
      : family === 'sd2'
        ? 512
        : width,
    attention_dropout: 0,
    dropout: 0,
    initializer_factor: 1,
    initializer_range: 0.02,
    bos_token_id: 0,
    eos_token_id: 2,
    pad_token_id: 1,
  };
}
