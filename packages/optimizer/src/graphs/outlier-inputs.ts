import type { Tensor } from '@cachequant/tensor';
import type { PreparedImage } from '../calibration-context.js';

/**
 * How much larger the first token has to be than all others: an 8-bit grid that spans it as well gives the others two
 * bits less.
 */
const OUTLIER = 4;

/**
 * The inputs [1, S, D], by name with their S, whose first token is an outlier: its largest magnitude over all images and both halves
 * of guidance is at least four times that of all other tokens. The hidden states of CLIP's encoders are so, since every
 * prompt begins with the same token.
 *
 * Source: Zhao et al., MixDQ, 2024, https://arxiv.org/abs/2405.17873, section 3.2.
 */
export function outlierInputs(
  images: readonly Pick<PreparedImage, 'conditioning' | 'unconditional'>[],
): ReadonlyMap<string, number> {
  const texts = images.flatMap(({ conditioning, unconditional = {} }) => [conditioning, unconditional]);
  const names = new Set(texts.flatMap((text) => Object.keys(text)));
  const found = [...names].filter((name) => {
    const magnitudes = texts.flatMap((text) => (text[name] ? [tokenMagnitudes(text[name])] : []));
    if (magnitudes.some((found) => found === undefined)) return false;
    const first = Math.max(...magnitudes.map((found) => found!.first));
    const others = Math.max(...magnitudes.map((found) => found!.others));
    return others > 0 && first >= OUTLIER * others;
  });
  return new Map(found.map((name) => [name, texts.find((text) => text[name])![name]!.dims[1]!]));
}

/** The largest magnitudes of the first token and of all others; undefined for what is no text. */
function tokenMagnitudes({ dtype, dims, data }: Tensor): { first: number; others: number } | undefined {
  const [, tokens = 0, width = 0] = dims;
  if (dtype !== 'float32' || dims.length !== 3 || tokens < 2) return undefined;
  const values = data as Float32Array;
  return { first: largest(values.subarray(0, width)), others: largest(values.subarray(width)) };
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
