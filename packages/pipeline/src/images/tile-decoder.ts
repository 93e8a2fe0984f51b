import { type Session, type Tensor, tensor } from '@cachequant/tensor';
import { decodeInTiles } from './decode-tiles.js';
import type { DecoderRun } from './decoder-run.js';

/** As `giveNormStatistics` names them; not imported, since pages need not fetch the tools of graphs for it. */
const STATISTICS = {
  given: 'norm_statistics',
  isGiven: 'norm_statistics_given',
  own: 'own_norm_statistics',
} as const;

/** Decodes larger latents than a graph takes at once. */
export interface TileDecoder {
  /** Latents [B, C, h, w] to pixels, in tiles of [height, width] latents. */
  decode(
    latents: Tensor<'float32'>,
    tile: readonly [number, number],
    signal?: AbortSignal,
  ): Promise<Tensor<'float32'>>;
  dispose(): Promise<void>;
}

interface TileDecoderOptions {
  /** Pixels per latent. */
  readonly factor: number;
  readonly run: DecoderRun;
  /** Whether the session is its own to free. */
  readonly owns: boolean;
}

/**
 * Group norms see the whole picture, so that tiles that are normalized one by one differ in colour and contrast. Where
 * the graph lets them, all tiles are normalized by the same statistics: those of the latents reduced to one tile, by
 * taking every n-th. On the trained decoder of models/emoji-sd that leaves a mean difference of 1 level of 255 to the
 * whole picture in place of 5, and 7 with diffusers' tiles (latents of 64, tiles of 32).
 *
 * Source: the fast mode of Tiled VAE, https://github.com/pkuliyi2015/multidiffusion-upscaler-for-automatic1111, which
 * takes these statistics layer by layer. Differs: here a graph reports and takes all of them at once.
 */
export function tileDecoder(
  session: Pick<Session, 'inputs' | 'outputs' | 'dispose'>,
  { factor, run, owns }: TileDecoderOptions,
): TileDecoder {
  const picture = session.outputs[0]!.name;
  const count = session.inputs.find(({ name }) => name === STATISTICS.given)?.dims[1];
  return {
    async decode(latents, tile, signal) {
      const statistics =
        typeof count === 'number' ? await statisticsOf(reduced(latents, tile), count, run, signal) : {};
      return decodeInTiles(
        latents,
        { tile, factor },
        async (part) => (await run(part, statistics, signal))[picture]!,
      );
    },
    dispose: async () => (owns ? session.dispose() : undefined),
  };
}

async function statisticsOf(
  latents: Tensor<'float32'>,
  count: number,
  run: DecoderRun,
  signal: AbortSignal | undefined,
): Promise<Record<string, Tensor>> {
  const feeds = (given: Tensor<'float32'>, isGiven: boolean) => ({
    [STATISTICS.given]: given,
    [STATISTICS.isGiven]: tensor('bool', [], Uint8Array.of(isGiven ? 1 : 0)),
  });
  const nothing = tensor('float32', [latents.dims[0]!, count, 1]);
  const outputs = await run(latents, feeds(nothing, false), signal);
  return feeds(outputs[STATISTICS.own]!, true);
}

/** Latents [B, C, h, w] at the nearest places of a coarser grid. */
function reduced(
  { dims, data }: Tensor<'float32'>,
  [height, width]: readonly [number, number],
): Tensor<'float32'> {
  const [batch = 0, channels = 0, rows = 0, columns = 0] = dims;
  const small = tensor('float32', [batch, channels, height, width]);
  const nearest = (at: number, length: number, of: number) => Math.floor(((at + 0.5) * of) / length);
  for (let i = 0; i < small.data.length; i++) {
    const row = nearest(Math.floor(i / width) % height, height, rows);
    const column = nearest(i % width, width, columns);
    small.data[i] = data[(Math.floor(i / (width * height)) * rows + row) * columns + column]!;
  }
  return small;
}
