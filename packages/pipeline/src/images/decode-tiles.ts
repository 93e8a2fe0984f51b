import { type Tensor, tensor } from '@cachequant/tensor';

/** Latents of one tile, whose pixels are to be made. */
export type DecodeTile = (latents: Tensor<'float32'>) => Promise<Tensor<'float32'>>;

/** How latents are cut up. */
export interface Tiling {
  /** [height, width] of a tile in latents. */
  readonly tile: readonly [number, number];
  /** Pixels per latent in each direction. */
  readonly factor: number;
}

/** Neighbours share at least this part of a tile. */
const OVERLAP = 1 / 4;

/**
 * Where tiles of one length begin that cover a line: equally large, equally far apart as nearly as whole numbers
 * allow, the first at the beginning and the last at the end, neighbours sharing a quarter of a tile at least.
 */
export function tileStarts(length: number, tile: number): number[] {
  if (length <= tile) return [0];
  const overlap = Math.ceil(tile * OVERLAP);
  const gaps = Math.ceil((length - tile) / (tile - overlap));
  return Array.from({ length: gaps + 1 }, (_, i) => Math.round((i * (length - tile)) / gaps));
}

/**
 * How much each tile counts at each of its pixels along a line. Over the whole overlap a tile fades linearly into the
 * next; in every pixel the tiles' shares sum to 1.
 * @param starts of the tiles, in latents
 * @returns for each tile, tile · factor shares
 */
export function tileShares(starts: readonly number[], tile: number, factor: number): Float32Array[] {
  const length = tile * factor;
  const raw = starts.map((start, i) => {
    const before = i === 0 ? 0 : (starts[i - 1]! + tile - start) * factor;
    const after = i === starts.length - 1 ? 0 : (start + tile - starts[i + 1]!) * factor;
    return Float64Array.from({ length }, (_, at) => {
      const rise = before === 0 ? 1 : (at + 0.5) / before;
      const fall = after === 0 ? 1 : (length - at - 0.5) / after;
      return Math.min(1, rise, fall);
    });
  });
  // Where three tiles meet, as with an overlap of more than half, the ramps sum to another number than 1.
  const sums = new Float64Array((starts.at(-1)! + tile) * factor);
  for (const [i, shares] of raw.entries()) {
    for (let at = 0; at < length; at++) sums[starts[i]! * factor + at]! += shares[at]!;
  }
  return raw.map((shares, i) =>
    Float32Array.from(shares, (share, at) => share / sums[starts[i]! * factor + at]!),
  );
}

/**
 * Decodes latents tile by tile and fades the tiles into one another, so that the decoder never holds more than one tile.
 * All tiles have one size, also those at the right and lower edge: no seam is narrower than another, and a graph of a
 * fixed size takes them.
 *
 * Differs from diffusers' `tiled_decode`, whose last tiles are what is left over.
 * @param latents [B, C, h, w]
 * @param decode takes [B, C, tile height, tile width], gives [B, channels, height · factor, width · factor]
 * @returns pixels [B, channels, h · factor, w · factor]
 */
export async function decodeInTiles(
  latents: Tensor<'float32'>,
  { tile, factor }: Tiling,
  decode: DecodeTile,
): Promise<Tensor<'float32'>> {
  const [batch = 0, , height = 0, width = 0] = latents.dims;
  const [rows, columns] = [tileStarts(height, tile[0]), tileStarts(width, tile[1])];
  const down = tileShares(rows, tile[0], factor);
  const across = tileShares(columns, tile[1], factor);
  let pixels: Tensor<'float32'> | undefined;
  for (const [i, top] of rows.entries()) {
    for (const [j, left] of columns.entries()) {
      const made = await decode(crop(latents, { top, left, height: tile[0], width: tile[1] }));
      pixels ??= tensor('float32', [batch, made.dims[1]!, height * factor, width * factor]);
      add(pixels, made, { top: top * factor, left: left * factor }, down[i]!, across[j]!);
    }
  }
  return pixels!;
}

interface Place {
  readonly top: number;
  readonly left: number;
}

function crop(
  { dims, data }: Tensor<'float32'>,
  { top, left, height, width }: Place & { readonly height: number; readonly width: number },
): Tensor<'float32'> {
  const [batch = 0, channels = 0, rows = 0, columns = 0] = dims;
  const part = tensor('float32', [batch, channels, height, width]);
  for (let row = 0; row < batch * channels * height; row++) {
    const plane = Math.floor(row / height);
    const from = (plane * rows + top + (row % height)) * columns + left;
    part.data.set(data.subarray(from, from + width), row * width);
  }
  return part;
}

/** Adds a tile to the picture, each pixel by its share down and across. */
function add(
  { dims: [, , rows = 0, columns = 0], data }: Tensor<'float32'>,
  { dims: [batch = 0, channels = 0, height = 0, width = 0], data: given }: Tensor<'float32'>,
  { top, left }: Place,
  down: Float32Array,
  across: Float32Array,
): void {
  for (let row = 0; row < batch * channels * height; row++) {
    const y = row % height;
    const to = (Math.floor(row / height) * rows + top + y) * columns + left;
    for (let x = 0; x < width; x++) data[to + x]! += given[row * width + x]! * down[y]! * across[x]!;
  }
}
