/** Texts in a PNG file by keyword, as `tEXt` and uncompressed `iTXt` chunks hold them. */
export type PngText = Readonly<Record<string, string>>;

const SIGNATURE_BYTES = 8;
/** Length and name before a chunk's data, checksum behind it. */
const HEAD_BYTES = 8;
const TAIL_BYTES = 4;

/**
 * The texts of a PNG file. Compressed ones, damaged ones and files that are no PNG have none.
 * Source: PNG specification, third edition, sections 11.3.3.2 and 11.3.3.4.
 */
export function readPngText(file: Uint8Array): PngText {
  const texts = new Map<string, string>();
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = SIGNATURE_BYTES; at + HEAD_BYTES + TAIL_BYTES <= file.byteLength; ) {
    const length = view.getUint32(at);
    const data = file.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (data.byteLength < length) break;
    const name = latin1(file.subarray(at + 4, at + HEAD_BYTES));
    const found = name === 'tEXt' ? readPlain(data) : name === 'iTXt' ? readInternational(data) : undefined;
    if (found) texts.set(...found);
    at += HEAD_BYTES + length + TAIL_BYTES;
  }
  return Object.fromEntries(texts);
}

/** The file with a text in any language before its end; the keyword is 1 to 79 characters of Latin-1. */
export function withInternationalText(file: Uint8Array, keyword: string, text: string): Uint8Array {
  // No compression, no language, no translated keyword.
  const data = [...Uint8Array.from(keyword, (letter) => letter.charCodeAt(0)), 0, 0, 0, 0, 0];
  const chunk = pngChunk('iTXt', Uint8Array.of(...data), new TextEncoder().encode(text));
  const end = file.byteLength - HEAD_BYTES - TAIL_BYTES;
  const whole = new Uint8Array(file.byteLength + chunk.byteLength);
  whole.set(file.subarray(0, end));
  whole.set(chunk, end);
  whole.set(file.subarray(end), end + chunk.byteLength);
  return whole;
}

function pngChunk(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const chunk = new Uint8Array(HEAD_BYTES + length + TAIL_BYTES);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, length);
  chunk.set(new TextEncoder().encode(name), 4);
  let at = HEAD_BYTES;
  for (const part of parts) {
    chunk.set(part, at);
    at += part.byteLength;
  }
  view.setUint32(at, crc32(chunk.subarray(4, at)));
  return chunk;
}

function readPlain(data: Uint8Array): [keyword: string, text: string] | undefined {
  const end = data.indexOf(0);
  return end < 1 ? undefined : [latin1(data.subarray(0, end)), latin1(data.subarray(end + 1))];
}

function readInternational(data: Uint8Array): [keyword: string, text: string] | undefined {
  const end = data.indexOf(0);
  const isCompressed = data[end + 1] !== 0;
  const language = data.indexOf(0, end + 3);
  const translated = data.indexOf(0, language + 1);
  if (end < 1 || isCompressed || language < 0 || translated < 0) return undefined;
  return [latin1(data.subarray(0, end)), new TextDecoder().decode(data.subarray(translated + 1))];
}

/** What browsers call latin1 is windows-1252, which differs. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** PNG's checksum, section 5.5 and annex D of its specification. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
