import { meanOf } from '@cachequant/evaluate';
import { imageGrid, type RgbImage } from '@cachequant/pipeline';
import type { Drawn } from './draw-in-turn.js';

const COLUMNS = 6;
/** White pixels between pictures, and between blocks. */
const GAP = 6;

/**
 * Blocks of six prompts: above what the original draws, below what the bundle draws.
 * @param times whether the rows say the mean time of a picture
 */
export function sheet(
  prompts: readonly string[],
  drawn: readonly Drawn[],
  { times }: { times: boolean },
): RgbImage {
  const labelOf = (name: string, by: keyof Drawn) =>
    times ? `${name}\n${meanOf(drawn.map((pair) => pair[by].seconds)).toFixed(2)} s a picture` : name;
  const rowLabels = [labelOf('Original', 'original'), labelOf('CacheQuant', 'bundle')];
  const blocks: RgbImage[] = [];
  for (let first = 0; first < drawn.length; first += COLUMNS) {
    const shown = drawn.slice(first, first + COLUMNS);
    const rows = [...shown.map(({ original }) => original), ...shown.map(({ bundle }) => bundle)];
    blocks.push(
      imageGrid(
        rows.map(({ picture }) => picture),
        shown.length,
        { gap: GAP, columnLabels: prompts.slice(first, first + COLUMNS), rowLabels },
      ),
    );
  }
  return stacked(blocks);
}

/** Pictures below each other, on white. */
function stacked(blocks: readonly RgbImage[]): RgbImage {
  const width = Math.max(...blocks.map((block) => block.width));
  const height = blocks.reduce((sum, block) => sum + block.height, 0) + GAP * (blocks.length - 1);
  const rgb = new Uint8Array(3 * width * height).fill(255);
  let top = 0;
  for (const block of blocks) {
    for (let y = 0; y < block.height; y++) {
      const row = block.rgb.subarray(3 * y * block.width, 3 * (y + 1) * block.width);
      rgb.set(row, 3 * (top + y) * width);
    }
    top += block.height + GAP;
  }
  return { width, height, rgb };
}
