import type { WeightSource } from '../weight-source.js';
import type { ViewedWeight } from '../weight-view.js';
import type { TextEncoderPlace } from './prefixes.js';

/** The last layer of OpenCLIP's ViT-H, which Stable Diffusion 2.x does not use. */
const SD2_UNUSED = 'transformer.resblocks.23.';

/** Buffers that newer versions of the libraries make themselves. */
const BUFFERS = new Set(['text_model.embeddings.position_ids', 'logit_scale']);

const OPEN_CLIP: readonly (readonly [original: RegExp, transformers: string])[] = [
  [/^positional_embedding$/, 'text_model.embeddings.position_embedding.weight'],
  [/^token_embedding\./, 'text_model.embeddings.token_embedding.'],
  [/^ln_final\./, 'text_model.final_layer_norm.'],
  [/^transformer\.resblocks\./, 'text_model.encoder.layers.'],
  [/\.ln_1\./, '.layer_norm1.'],
  [/\.ln_2\./, '.layer_norm2.'],
  [/\.mlp\.c_fc\./, '.mlp.fc1.'],
  [/\.mlp\.c_proj\./, '.mlp.fc2.'],
  [/\.attn\.out_proj\./, '.self_attn.out_proj.'],
];

/** The weights of a text encoder under transformers' names, by the names of the file that they come from. */
export function textEncoderWeights(
  source: WeightSource,
  place: TextEncoderPlace,
  options: { withProjection: boolean },
): Map<string, ViewedWeight> {
  const weights = new Map<string, ViewedWeight>();
  for (const from of source.names()) {
    if (!from.startsWith(place.prefix)) continue;
    const name = from.slice(place.prefix.length);
    const made =
      place.code === 'open_clip' ? fromOpenClip(source, from, name, options) : [fromTransformers(from, name)];
    for (const [key, viewed] of made) if (!BUFFERS.has(key)) weights.set(key, viewed);
  }
  return weights;
}

function fromTransformers(from: string, name: string): [string, ViewedWeight] {
  const bare = /^(embeddings|encoder|final_layer_norm)\./.test(name);
  return [bare ? `text_model.${name}` : name, { from }];
}

function fromOpenClip(
  source: WeightSource,
  from: string,
  name: string,
  { withProjection }: { withProjection: boolean },
): [string, ViewedWeight][] {
  if (!withProjection && (name.startsWith(SD2_UNUSED) || name === 'text_projection')) return [];
  // Kept as x · W in OpenCLIP, as a linear layer, W · x, in transformers.
  if (name === 'text_projection') return [['text_projection.weight', { from, transposed: true }]];
  const renamed = OPEN_CLIP.reduce((key, [pattern, replacement]) => key.replace(pattern, replacement), name);
  const fused = /^(.+)\.attn\.in_proj_(weight|bias)$/.exec(renamed);
  if (fused === null) return [[renamed, { from }]];
  const count = source.shapeOf(from)[0]! / 3;
  return ['q', 'k', 'v'].map((part, i) => [
    `${fused[1]}.self_attn.${part}_proj.${fused[2]}`,
    { from, rows: { start: i * count, count } },
  ]);
}
