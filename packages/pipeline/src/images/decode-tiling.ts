import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import type { VaeConfig } from '../model/component-configs.js';

/**
 * When a decoder works in tiles: above so many latents in a direction, above what memory holds (`auto`), or never.
 */
export type DecodeTiling = number | 'auto' | 'never';

/** Smaller tiles are mostly edge, where a decoder sees zeros in place of what is there. */
const LEAST_TILE = 8;
/** Latents of a side of the tiles that `auto` takes: pictures of 512 pixels with a factor of 8. */
const USUAL_TILE = 64;
/** What `auto` leaves to a decoder: the address space of WebAssembly is 4 GiB. */
const MOST_BYTES = 4 * 2 ** 30;

/** Tensors of the largest kind that are there at once: input, output and what is computed between. */
const LARGE_TENSORS = 3;

/**
 * Bytes that a decoder takes beside its weights, roughly: of the tensors at the full size of the picture, and of its
 * attention over all latents.
 */
function decoderBytes(
  { block_out_channels: channels, pixels_per_latent, ...config }: VaeConfig,
  height: number,
  width: number,
): number {
  const factor = pixels_per_latent ?? 2 ** (channels.length - 1);
  const atFullSize = Math.max(channels[0]!, channels[1] ?? 0);
  const pictures = 4 * LARGE_TENSORS * atFullSize * height * width * factor ** 2;
  const { mid_block_add_attention: attention } = config as { readonly mid_block_add_attention?: unknown };
  const attends = config._class_name !== 'AutoencoderTiny' && attention !== false;
  return Math.max(pictures, attends ? 4 * 2 * (height * width) ** 2 : 0);
}

/**
 * Decides for every size of latents in which tiles they are decoded. A graph of a fixed size takes larger latents in tiles
 * of that.
 * @param input of the decoder's graph, [B, C, H, W]
 * @throws CacheQuantError `invalid-argument` for a tile that is too small, or another than the graph's only size
 */
export function tileOf(
  { name, dims }: TensorInfo,
  config: VaeConfig,
  tiling: DecodeTiling,
): (height: number, width: number) => readonly [number, number] | undefined {
  requireTiling(tiling);
  const [, , rows, columns] = dims;
  if (typeof rows === 'number' && typeof columns === 'number') {
    if (typeof tiling === 'number' && tiling < Math.max(rows, columns)) {
      throw new CacheQuantError('invalid-argument', 'the graph of the decoder has a fixed size', {
        where: `decodeTile, vae_decoder input ${name}`,
        expected: `at least ${Math.max(rows, columns)}`,
        got: String(tiling),
        hint: 'A bundle whose decoder computes in integers has the size that it was calibrated at',
      });
    }
    return (height, width) =>
      height >= rows && width >= columns && (height > rows || width > columns) ? [rows, columns] : undefined;
  }
  return (height, width) => {
    if (tiling === 'never') return undefined;
    if (tiling === 'auto' && decoderBytes(config, height, width) <= MOST_BYTES) return undefined;
    const side = tiling === 'auto' ? USUAL_TILE : tiling;
    return height > side || width > side ? [Math.min(side, height), Math.min(side, width)] : undefined;
  };
}

/** @throws CacheQuantError `invalid-argument` */
export function requireTiling(tiling: DecodeTiling): void {
  if (tiling === 'auto' || tiling === 'never') return;
  if (Number.isInteger(tiling) && tiling >= LEAST_TILE) return;
  throw new CacheQuantError('invalid-argument', 'the decoder cannot work in such tiles', {
    where: 'decodeTile',
    expected: `a whole number of latents from ${LEAST_TILE}, auto, or never`,
    got: String(tiling),
  });
}
