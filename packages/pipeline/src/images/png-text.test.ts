import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { encodePng } from './png.js';
import { readPngText } from './png-text.js';

const image = { width: 2, height: 1, rgb: Uint8Array.of(1, 2, 3, 4, 5, 6) };

describe('encodePng(image, text)', () => {
  it('keeps texts of any language, and the picture as it is', () => {
    const text = {
      parameters: 'a red shoe\nSteps: 4',
      prompt: '赤い靴 👟 – “quoted”',
      accent: 'Café à Zürich',
      empty: '',
    };
    const file = encodePng(image, text);
    expect(readPngText(file)).toEqual(text);
    // The decoder checks every checksum, also of the chunks that it does not know.
    const decoded = decode(file, { checkCrc: true });
    expect(decoded.data).toEqual(image.rgb);
    expect(decoded.text).toEqual({ parameters: text.parameters, accent: text.accent, empty: '' });
  });

  it('without text is a file without text', () => {
    expect(readPngText(encodePng(image))).toEqual({});
  });
});

describe('readPngText', () => {
  it('finds nothing in what is no PNG, is cut short, or has keywords that are none', () => {
    const file = encodePng(image, { parameters: 'x'.repeat(100) });
    for (const bytes of [
      new Uint8Array(0),
      new TextEncoder().encode('<html>'.repeat(20)),
      new Uint8Array(64).fill(255),
    ]) {
      expect(readPngText(bytes)).toEqual({});
    }
    for (let length = 0; length < file.byteLength; length += 7) readPngText(file.subarray(0, length));
    const hostile = readPngText(
      encodePng(image, { ['__proto__']: 'x', constructor: 'y' } as Record<string, string>),
    );
    expect(Object.getPrototypeOf(hostile)).toBe(Object.prototype);
  });
});
