import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { downsample, upsample } from './resampling.js';
import { type ResnetStyle, resnetBlock } from './resnet-block.js';

/** What follows a residual block of a given level; `layer` counts within the block. */
export type Attend = (g: Scope, x: Tensor, layer: number) => Tensor;

interface BlockOptions {
  readonly style: ResnetStyle;
  readonly in: number;
  readonly out: number;
  readonly layers: number;
  readonly attend?: Attend | undefined;
}

export interface DownBlockOptions extends BlockOptions {
  readonly downsample?: 'conv' | 'resnet' | undefined;
  readonly padding?: number;
}

/** A level on the way down. @returns its output, and all tensors that the way up takes */
export function downBlock(
  g: Scope,
  input: Tensor,
  options: DownBlockOptions,
): { x: Tensor; skips: readonly Tensor[] } {
  const { style, out, layers, attend, padding = 1 } = options;
  const skips: Tensor[] = [];
  let x = input;
  for (let layer = 0; layer < layers; layer++) {
    x = resnetBlock(g.at('resnets', layer), x, style, { in: layer === 0 ? options.in : out, out });
    x = attend?.(g.at('attentions', layer), x, layer) ?? x;
    skips.push(x);
  }
  if (options.downsample === undefined) return { x, skips };
  const downsampler = g.at('downsamplers.0');
  x =
    options.downsample === 'conv'
      ? downsample(downsampler, x, out, padding)
      : resnetBlock(downsampler, x, style, { in: out, out, resample: 'down' });
  return { x, skips: [...skips, x] };
}

export interface MidBlockOptions {
  readonly style: ResnetStyle;
  readonly channels: number;
  readonly attend?: Attend | undefined;
  /** Whether a residual block follows the attention. */
  readonly pair?: boolean;
}

/** The lowest level: a residual block, attention, and another residual block. */
export function midBlock(g: Scope, input: Tensor, options: MidBlockOptions): Tensor {
  const { style, channels, attend, pair = true } = options;
  const size = { in: channels, out: channels };
  const first = resnetBlock(g.at('resnets.0'), input, style, size);
  if (!pair) return first;
  const attended = attend?.(g.at('attentions.0'), first, 0) ?? first;
  return resnetBlock(g.at('resnets.1'), attended, style, size);
}

export interface UpBlockOptions extends BlockOptions {
  /** Channels of what comes from the level below; `in` are those of the last skip connection. */
  readonly below: number;
  readonly upsample?: 'conv' | 'resnet' | undefined;
}

/**
 * A level on the way up, which joins each residual block's input with a skip connection, the last one first.
 * @param skips all that are left; those that the level uses are removed
 */
export function upBlock(g: Scope, input: Tensor, skips: Tensor[], options: UpBlockOptions): Tensor {
  const { style, below, out, layers, attend } = options;
  let x = input;
  for (let layer = 0; layer < layers; layer++) {
    const skip = skips.pop()!;
    const channels = (layer === 0 ? below : out) + (layer === layers - 1 ? options.in : out);
    x = resnetBlock(g.at('resnets', layer), g.concat(1, x, skip), style, { in: channels, out });
    x = attend?.(g.at('attentions', layer), x, layer) ?? x;
  }
  if (options.upsample === undefined) return x;
  const upsampler = g.at('upsamplers.0');
  // Of an odd size, the level above has one row or column less than twice this one's.
  const like = skips.at(-1);
  return options.upsample === 'conv'
    ? upsample(upsampler, x, out, like)
    : resnetBlock(upsampler, x, style, { in: out, out, resample: 'up', like });
}
