import { describe, expect, it, test } from 'vitest';
import { drawable, GLYPH, glyphPixel } from './bitmap-font.js';
import { wrapText } from './picture-text.js';

/** A letter as text, a line for each row of pixels. */
function drawn(letter: string): string {
  return Array.from({ length: GLYPH.height }, (_, y) =>
    Array.from({ length: GLYPH.width }, (_, x) => (glyphPixel(letter, x, y) ? '#' : '.')).join(''),
  ).join('\n');
}

describe('glyphPixel(letter, x, y)', () => {
  it('draws letters upright, from the left', () => {
    expect(drawn('R')).toBe('####.\n#...#\n#...#\n####.\n#.#..\n#..#.\n#...#\n.....');
    expect(drawn('7')).toBe('#####\n....#\n...#.\n..#..\n.#...\n.#...\n.#...\n.....');
  });

  it('has a glyph of its own for every printable character but the space', () => {
    const printable = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at));
    const glyphs = printable.map(drawn);
    expect(new Set(glyphs).size).toBe(94);
    expect(glyphs.every((glyph) => glyph.includes('#'))).toBe(true);
    expect(drawn(' ')).not.toContain('#');
  });
});

test('drawable(text) keeps ASCII, takes accents off, and says where a character cannot be drawn', () => {
  expect(drawable('4.1× – “café” 猫\t')).toBe('4.1x - "cafe" ??');
});

describe('wrapText(text, width, mostLines)', () => {
  it('breaks between words and at line feeds', () => {
    expect(wrapText('a photo of a red sneaker', 60, 4)).toEqual(['a photo of', 'a red', 'sneaker']);
    expect(wrapText('one\ntwo', 60, 4)).toEqual(['one', 'two']);
  });

  it('ends what does not fit in dots', () => {
    expect(wrapText('incomprehensibilities', 59, 2)).toEqual(['incompre..']);
    expect(wrapText('one two three four', 29, 2)).toEqual(['one', 'two..']);
  });
});
