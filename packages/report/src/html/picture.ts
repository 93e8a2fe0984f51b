import { CacheQuantError } from '@cachequant/tensor';
import type { ReportPicture } from '../report-data.js';
import { html, type Markup } from './markup.js';

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CHUNK_BYTES = 0x8000;
/** Pictures up to this width are enlarged with hard pixel edges, because smoothing would hide what differs. */
const PIXELATED_UP_TO = 128;

/**
 * The picture as an `<img>` with a data: URI.
 * @throws {CacheQuantError} `invalid-argument` when the bytes are not a PNG
 */
export function pictureMarkup(picture: ReportPicture, alt: string): Markup {
  const small = picture.width <= PIXELATED_UP_TO;
  return html`<img src="${pngUri(picture.png)}" width="${picture.width}" height="${picture.height}" alt="${alt}"${
    small && html` class="pixelated"`
  }>`;
}

function pngUri(png: Uint8Array): string {
  if (PNG_SIGNATURE.some((byte, index) => png[index] !== byte)) {
    throw new CacheQuantError('invalid-argument', 'a picture is not a PNG', {
      where: 'report pictures',
      expected: 'the PNG signature 89 50 4e 47 …',
      got:
        Array.from(png.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'no bytes',
      hint: 'encode pictures as PNG before they go into the report',
    });
  }
  let binary = '';
  for (let at = 0; at < png.length; at += CHUNK_BYTES) {
    binary += String.fromCharCode(...png.subarray(at, at + CHUNK_BYTES));
  }
  return `data:image/png;base64,${btoa(binary)}`;
}
