import { checkSameSize, type RgbImage } from '@cachequant/evaluate';
import { CacheQuantError } from '@cachequant/tensor';
import { drawLines, textHeight, textWidth, wrapText } from './picture-text.js';

/** What lies between and beside the pictures, and how many times each is enlarged. */
export interface ImageGridOptions {
  /** White pixels between pictures, after scaling; 0 when left out. */
  readonly gap?: number;
  /** Whole factor by which every pixel is repeated; 1 when left out. */
  readonly scale?: number;
  /** Written above the columns, broken into lines as wide as a picture. Letters outside of ASCII lose their accents. */
  readonly columnLabels?: readonly string[];
  /** Written to the left of the rows; a line feed begins a line. */
  readonly rowLabels?: readonly string[];
}

const LABEL_GAP = 4;
const COLUMN_LINES = 4;
/** Pixels of the widest row label. */
const ROW_LABEL_WIDTH = 130;
/** From this width of a picture on, letters are drawn twice as large. */
const LARGE = 256;

/**
 * Puts pictures of one size side by side on white, row after row, with labels above and beside them.
 * @throws CacheQuantError `invalid-argument` (no pictures, or numbers that are not whole), `shape`
 */
export function imageGrid(
  images: readonly RgbImage[],
  columns: number,
  { gap = 0, scale = 1, columnLabels = [], rowLabels = [] }: ImageGridOptions = {},
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
  const labels = placeLabels({ columnLabels, rowLabels }, first.width * scale, first.height * scale);
  const width = labels.left + usedColumns * cellWidth - gap;
  const height = labels.top + Math.ceil(images.length / columns) * cellHeight - gap;
  const rgb = new Uint8Array(width * height * 3).fill(255);
  images.forEach((image, i) => {
    const y = labels.top + Math.floor(i / columns) * cellHeight;
    const x = labels.left + (i % columns) * cellWidth;
    paste(image, scale, rgb, y * width + x, width);
  });
  const canvas = { width, rgb };
  labels.columns.slice(0, usedColumns).forEach((lines, column) => {
    drawLines(canvas, lines, [labels.left + column * cellWidth, labels.size], labels.size);
  });
  labels.rows.slice(0, Math.ceil(images.length / columns)).forEach((lines, row) => {
    const free = first.height * scale - textHeight(lines.length) * labels.size;
    const y = labels.top + row * cellHeight + Math.max(0, Math.floor(free / 2));
    drawLines(canvas, lines, [labels.size, y], labels.size);
  });
  return { width, height, rgb };
}

/** Lines of all labels, the size of their letters, and the room that they take above and to the left. */
function placeLabels(
  { columnLabels = [], rowLabels = [] }: ImageGridOptions,
  pictureWidth: number,
  pictureHeight: number,
) {
  const size = pictureWidth >= LARGE ? 2 : 1;
  const columns = columnLabels.map((label) => wrapText(label, pictureWidth / size, COLUMN_LINES));
  const fitting = Math.max(1, Math.floor(pictureHeight / size / textHeight(1)) - 1);
  const rows = rowLabels.map((label) => wrapText(label, ROW_LABEL_WIDTH, fitting));
  const widest = Math.max(0, ...rows.flat().map(textWidth));
  const tallest = Math.max(0, ...columns.map(({ length }) => textHeight(length)));
  return {
    size,
    columns,
    rows,
    left: widest === 0 ? 0 : (widest + 2 * LABEL_GAP) * size,
    top: tallest === 0 ? 0 : (tallest + LABEL_GAP) * size,
  };
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
