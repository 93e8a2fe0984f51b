import type { WeightSource } from './weight-source.js';
import { countOf } from './weight-types.js';
import { type ViewedWeight, WeightView } from './weight-view.js';

const RENAMED: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
};

const OLD = /^(.+\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$/;

/**
 * Weights that an old version of diffusers saved, under the names of today: the attention of autoencoders had others,
 * as in the repository of Stable Diffusion 1.5. diffusers renames them when it loads them
 * (`_convert_deprecated_attention_blocks`).
 *
 * @returns the same where there is nothing to rename
 */
export function currentNames(source: WeightSource): WeightSource {
  const weights = new Map<string, ViewedWeight>();
  let renamed = false;
  for (const from of source.names()) {
    const match = OLD.exec(from);
    renamed ||= match !== null;
    const [name, viewed] = match === null ? [from, { from }] : rename(source, from, match);
    weights.set(name, viewed);
  }
  return renamed ? new WeightView(source, weights) : source;
}

function rename(source: WeightSource, from: string, match: RegExpExecArray): [string, ViewedWeight] {
  const [, place, old, kind] = match;
  const [rows, columns, ...kernel] = source.shapeOf(from);
  const convolution = kernel.length > 0 && countOf(kernel) === 1;
  return [`${place}.${RENAMED[old!]}.${kind}`, convolution ? { from, dims: [rows!, columns!] } : { from }];
}
