import { crc32, inflateRawSync } from 'node:zlib';
import { CacheQuantError } from '@cachequant/tensor';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
/** What stands for a size that is in a field of ZIP64. */
const ELSEWHERE = 0xffffffff;

const MOST_ARRAYS = 1000;
/** Of all arrays of a file together, uncompressed. */
const MOST_BYTES = 2 ** 30;

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * The arrays of an archive that `numpy.savez` or `numpy.savez_compressed` wrote, each as `numpy.save` writes it. Sizes are
 * those of the central directory, and nothing larger is unpacked.
 * @param where the file, for messages
 * @returns by their names, without `.npy`
 * @throws CacheQuantError `invalid-argument` for a file that is none, was cut off or altered, is encrypted or too large,
 * has two arrays of one name, or holds anything else
 */
export function readNpz(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const arrays = new Map<string, Uint8Array>();
  let total = 0;
  for (const entry of entriesOf(view, where)) {
    const name = /^([^/\\]+)\.npy$/.exec(entry.name)?.[1];
    if (name === undefined) throw invalid(where, 'the archive holds something else than arrays', entry.name);
    if (arrays.has(name)) throw invalid(where, 'the archive has two arrays of one name', name);
    total += entry.size;
    if (total > MOST_BYTES) throw invalid(where, 'the arrays are too large', `more than ${MOST_BYTES} bytes`);
    arrays.set(name, contentOf(view, entry, `${where}, ${name}`));
  }
  return arrays;
}

function entriesOf(view: DataView, where: string): Entry[] {
  const end = endOf(view, where);
  const count = view.getUint16(end + 10, true);
  if (count > MOST_ARRAYS) throw invalid(where, 'the archive holds too many arrays', String(count));
  let at = view.getUint32(end + 16, true);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_BYTES > end || view.getUint32(at, true) !== ENTRY) throw damaged(where);
    const nameLength = view.getUint16(at + 28, true);
    const behind = at + ENTRY_BYTES + nameLength;
    if (behind > end) throw damaged(where);
    const entry = {
      name: textOf(view, at + ENTRY_BYTES, nameLength),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      compressed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    if ([entry.compressed, entry.size, entry.offset].includes(ELSEWHERE)) {
      throw invalid(where, 'the arrays are too large', `${entry.name} needs ZIP64`);
    }
    entries.push(entry);
    at = behind + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Where the end record starts: the last one whose comment ends with the file. */
function endOf(view: DataView, where: string): number {
  const first = Math.max(0, view.byteLength - END_BYTES - LONGEST_COMMENT);
  for (let at = view.byteLength - END_BYTES; at >= first; at--) {
    if (view.getUint32(at, true) !== END) continue;
    if (at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  throw invalid(where, 'this is no archive of NumPy', undefined, 'a file that numpy.savez wrote');
}

function contentOf(
  view: DataView,
  { flags, method, crc, compressed, size, offset }: Entry,
  where: string,
): Uint8Array {
  if (flags & 1) throw invalid(where, 'the array is encrypted');
  if (offset + LOCAL_BYTES > view.byteLength || view.getUint32(offset, true) !== LOCAL) throw damaged(where);
  const start = offset + LOCAL_BYTES + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + compressed > view.byteLength) throw damaged(where);
  const packed = new Uint8Array(view.buffer, view.byteOffset + start, compressed);
  const content = unpacked(packed, method, size, where);
  if (content.byteLength !== size || crc32(content) !== crc) throw damaged(where);
  return content;
}

function unpacked(packed: Uint8Array, method: number, size: number, where: string): Uint8Array {
  if (method === 0) return packed;
  if (method !== 8)
    throw invalid(where, 'the array is compressed in another way', `method ${method}`, 'deflate');
  try {
    // One more than it says it has, so that what is longer is told.
    return inflateRawSync(packed, { maxOutputLength: size + 1 });
  } catch (cause) {
    throw damaged(where, cause);
  }
}

function textOf(view: DataView, start: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start, length));
}

function damaged(where: string, cause?: unknown): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the archive was cut off or altered', {
    where,
    hint: 'Write it again with numpy.savez',
    ...(cause !== undefined && { cause }),
  });
}

function invalid(where: string, message: string, got?: string, expected?: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', message, {
    where,
    ...(expected !== undefined && { expected }),
    ...(got !== undefined && { got }),
  });
}
