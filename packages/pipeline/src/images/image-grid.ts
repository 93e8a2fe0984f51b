import { checkSameSize, type RgbImage } from '@cachequant/evaluate';
import { CacheQuantError } from '@cachequant/tensor';

/** Pixels between the pictures, and how many times each is enlarged. */
export interface ImageGridOptions {
  /** White pixels between pictures, after scaling; 0 when left out. */
  readonly gap?: number;
  /** Whole factor by which every pixel is repeated; 1 when left out. */
  readonly scale?: number;
}

/**
 * Puts pictures of one size side by side on white, row after row.
 * @throws CacheQuantError `invalid-argument` (no pictures, or numbers that are not whole), `shape`
 */
export function imageGrid(
  images: readonly RgbImage[],
  columns: number,
  { gap = 0, scale = 1 }: ImageGridOptions = {},
): RgbImage {
  const [first] = images;
  if (first === undefined) {
    throw new CacheQuantError('invalid-argument', 'there are no pictures', { where: 'imageGrid' });
  }
  for (const image of images) checkSameSize('imageGrid', first, image);
  checkWhole('columns', columns, 1);
  checkWhole('gap', gap, 0);
  checkWhole('scale', scale, 1);
  const cellWidth = first.width * scale + gap;
  const cellHeight = first.height * scale + gap;
  const usedColumns = Math.min(columns, images.length);
  const width = usedColumns * cellWidth - gap;
  const height = Math.ceil(images.length / columns) * cellHeight - gap;
  const rgb = new Uint8Array(width * height * 3).fill(255);
  images.forEach((image, i) => {
    const start = Math.floor(i / columns) * cellHeight * width + (i % columns) * cellWidth;
    paste(image, scale, rgb, start, width);
  });
  return { width, height, rgb };
}

/** Draws one picture; `start` is the pixel at its upper left, `stride` the width of what it is drawn on. */
function paste(image: RgbImage, scale: number, target: Uint8Array, start: number, stride: number): void {
  for (let y = 0; y < image.height * scale; y++) {
    for (let x = 0; x < image.width * scale; x++) {
      const source = (Math.floor(y / scale) * image.width + Math.floor(x / scale)) * 3;
      target.set(image.rgb.subarray(source, source + 3), (start + y * stride + x) * 3);
    }
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new CacheQuantError('invalid-argument', `${name} is not a whole number`, {
    where: 'imageGrid',
    expected: `${least} or more`,
    got: String(value),
  });
}
