import { drawable, GLYPH, glyphPixel } from './bitmap-font.js';

/** Something to draw on: 8-bit RGB, rows from the top. */
export interface Canvas {
  readonly width: number;
  readonly rgb: Uint8Array;
}

/** Dark grey on white. */
const INK = 40;
const FEWEST_LETTERS = 4;

/**
 * Text in lines that are at most `width` pixels wide, broken between words and at line feeds; what is longer than
 * its line or the last line ends in dots.
 */
export function wrapText(text: string, width: number, mostLines: number): string[] {
  const letters = Math.max(FEWEST_LETTERS, Math.floor((width + GLYPH.advance - GLYPH.width) / GLYPH.advance));
  const lines = text.split('\n').flatMap((part) => brokenLines(drawable(part), letters));
  const shown = lines.slice(0, mostLines).map((line) => shortened(line, letters));
  if (lines.length > mostLines) shown.push(shortened(`${shown.pop()}...`, letters));
  return shown;
}

/** Pixels of a line. */
export function textWidth(line: string): number {
  return Math.max(0, line.length * GLYPH.advance - (GLYPH.advance - GLYPH.width));
}

/** Pixels from the upper edge of the first line to the lower edge of the last. */
export function textHeight(lines: number): number {
  return lines === 0 ? 0 : (lines - 1) * GLYPH.lineHeight + GLYPH.height;
}

/** Draws drawable lines, the first with its upper left corner at (x, y); pixels are repeated `scale` times. */
export function drawLines(
  canvas: Canvas,
  lines: readonly string[],
  [x, y]: readonly [number, number],
  scale: number,
): void {
  lines.forEach((line, row) => {
    [...line].forEach((letter, column) => {
      const left = x + column * GLYPH.advance * scale;
      drawGlyph(canvas, letter, [left, y + row * GLYPH.lineHeight * scale], scale);
    });
  });
}

function brokenLines(text: string, letters: number): string[] {
  const lines = [''];
  for (const word of text.split(' ').filter(Boolean)) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`;
    if (longer.length <= letters || lines.at(-1) === '') lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function shortened(line: string, letters: number): string {
  return line.length <= letters ? line : `${line.slice(0, letters - 2).trimEnd()}..`;
}

function drawGlyph(
  { width, rgb }: Canvas,
  letter: string,
  [left, top]: readonly [number, number],
  scale: number,
): void {
  for (let y = 0; y < GLYPH.height * scale; y++) {
    for (let x = 0; x < GLYPH.width * scale; x++) {
      if (!glyphPixel(letter, Math.floor(x / scale), Math.floor(y / scale))) continue;
      const at = ((top + y) * width + left + x) * 3;
      if (left + x < width) rgb.fill(INK, at, at + 3);
    }
  }
}
