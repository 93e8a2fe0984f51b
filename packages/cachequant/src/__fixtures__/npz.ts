import { crc32, deflateRawSync } from 'node:zlib';

/** What a test changes of an archive. */
export interface NpzChanges {
  readonly deflate?: boolean;
  /** Of the central directory. */
  readonly size?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
}

/** An archive as `numpy.savez` writes it, or as somebody else would who means harm. */
export function npzOf(
  files: readonly (readonly [name: string, content: Uint8Array])[],
  changes: NpzChanges = {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, content] of files) {
    const packed = changes.deflate ? deflateRawSync(content) : content;
    const encoded = new TextEncoder().encode(name);
    const fields = (view: DataView, at: number) => {
      view.setUint16(at, changes.flags ?? 0, true);
      view.setUint16(at + 2, changes.method ?? (changes.deflate ? 8 : 0), true);
      view.setUint32(at + 8, changes.crc ?? crc32(content), true);
      view.setUint32(at + 12, packed.length, true);
      view.setUint32(at + 16, changes.size ?? content.length, true);
      view.setUint16(at + 20, encoded.length, true);
    };
    const local = record(30, 0x04034b50, (view) => fields(view, 6));
    const entry = record(46, 0x02014b50, (view) => {
      fields(view, 8);
      view.setUint32(42, offset, true);
    });
    parts.push(local, encoded, packed);
    directory.push(entry, encoded);
    offset += local.length + encoded.length + packed.length;
  }
  const end = record(22, 0x06054b50, (view) => {
    view.setUint16(8, files.length, true);
    view.setUint16(10, files.length, true);
    view.setUint32(12, lengthOf(directory), true);
    view.setUint32(16, offset, true);
  });
  return joined([...parts, ...directory, end]);
}

function record(length: number, signature: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  fill(view);
  return bytes;
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
