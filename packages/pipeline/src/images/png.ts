import type { RgbImage } from '@cachequant/evaluate';
import { encode } from 'fast-png';
import { type PngText, withInternationalText } from './png-text.js';

/**
 * The bytes of a PNG file, without loss.
 * @param text goes into the file by keyword, as programs for pictures read it
 */
export function encodePng({ width, height, rgb }: RgbImage, text: PngText = {}): Uint8Array {
  const isPlain = ([, value]: [string, string]) => isLatin1(value);
  const entries = Object.entries(text);
  const plain = Object.fromEntries(entries.filter(isPlain));
  let file: Uint8Array = encode({ width, height, data: rgb, channels: 3, depth: 8, text: plain });
  for (const entry of entries) if (!isPlain(entry)) file = withInternationalText(file, ...entry);
  return file;
}

/** What a plain text chunk can hold. */
function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 255) return false;
  }
  return true;
}
