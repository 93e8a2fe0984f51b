import { type ByteSource, CacheQuantError } from '@cachequant/tensor';
import type { Limits } from '../limits.js';

/** Bytes of a source that were not read. */
export interface ByteRange {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** A run of the file that `ProtoReader`'s bytes leave out. */
export interface Gap {
  readonly offset: number;
  readonly length: number;
}

/** A file's bytes without its gaps. */
export interface SparseFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Ascending; each is the whole content of one raw_data field. */
  readonly gaps: readonly Gap[];
  /** Where the gaps' bytes can be read. */
  readonly source?: ByteSource;
}

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf's wire format from front to back. Positions are those in the file; gaps count.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoReader {
  position = 0;
  /** Where the file ends. */
  readonly end: number;
  /** Bytes of gaps that lie before `position`. */
  #skipped = 0;
  #nextGap = 0;
  readonly #counts = new Map<keyof Limits, number>();
  readonly #view: DataView;

  constructor(
    readonly file: SparseFile,
    readonly limits: Limits,
  ) {
    const { bytes, gaps } = file;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = gaps.reduce((total, gap) => total + gap.length, bytes.byteLength);
  }

  /** @returns a whole number below 2^53, for tags and lengths */
  readSize(end: number): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.#byte(end);
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) this.fail('a length or tag is too large', `${value}`);
      if (byte < 0x80) return value;
    }
    return this.fail('a number is longer than 10 bytes');
  }

  /** A varint as the signed 64-bit number that it stands for. */
  readInt(end: number): bigint {
    let low = 0;
    let high = 0n;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(end);
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else high |= BigInt(byte & 0x7f) << BigInt(shift - 28);
      if (byte < 0x80) return shift < 35 && high === 0n ? BigInt(low) : join(low, high);
    }
    return this.fail('a number is longer than 10 bytes');
  }

  readFloat(end: number): number {
    const start = this.#advance(4, end);
    return this.#view.getFloat32(start, true);
  }

  readString(end: number): string {
    const bytes = this.readBytes(end);
    if (bytes.byteLength > this.limits.stringBytes) this.#failLimit('stringBytes', bytes.byteLength);
    try {
      return UTF8.decode(bytes);
    } catch (cause) {
      return this.fail('a name is not UTF-8', undefined, cause);
    }
  }

  /** The content of a length-delimited field, as a view. */
  readBytes(end: number): Uint8Array {
    return this.take(this.readLength(end), end);
  }

  /** Like `readBytes`, but a run that was left out of memory comes as its place in the file. */
  readData(end: number): Uint8Array | ByteRange {
    const length = this.readLength(end);
    const gap = this.file.gaps[this.#nextGap];
    if (gap === undefined || gap.offset !== this.position || this.file.source === undefined) {
      return this.take(length, end);
    }
    if (gap.length !== length) this.fail('a tensor changed while it was read');
    this.#nextGap += 1;
    this.#skipped += length;
    this.position += length;
    return { source: this.file.source, offset: gap.offset, length };
  }

  readLength(end: number): number {
    const length = this.readSize(end);
    if (length > end - this.position) {
      this.fail('a field reaches past the end', `${length} bytes where ${end - this.position} are left`);
    }
    return length;
  }

  take(length: number, end: number): Uint8Array {
    const start = this.#advance(length, end);
    return this.file.bytes.subarray(start, start + length);
  }

  /** Moves past the value of a field that nobody asked for. */
  skip(wireType: number, end: number): void {
    if (wireType === WIRE.varint) this.readInt(end);
    else if (wireType === WIRE.fixed64) this.#advance(8, end);
    else if (wireType === WIRE.fixed32) this.#advance(4, end);
    else if (wireType === WIRE.bytes) this.readBytes(end);
    else this.fail('a field has a wire type that ONNX does not use', `${wireType}`);
  }

  /** Bytes from an earlier position up to here; there must be no gap between. */
  since(position: number): Uint8Array {
    return this.file.bytes.subarray(position - this.#skipped, this.position - this.#skipped);
  }

  count(limit: keyof Limits, amount = 1): void {
    const count = (this.#counts.get(limit) ?? 0) + amount;
    if (count > this.limits[limit]) this.#failLimit(limit, count);
    this.#counts.set(limit, count);
  }

  checkDepth(depth: number): void {
    if (depth > this.limits.depth) this.#failLimit('depth', depth);
  }

  fail(summary: string, got?: string, cause?: unknown): never {
    throw new CacheQuantError('onnx-format', summary, {
      where: `${this.file.name}, byte ${this.position}`,
      ...(got === undefined ? {} : { got }),
      hint: hintFor(this.file.bytes),
      cause,
    });
  }

  #byte(end: number): number {
    if (this.position >= end) this.fail('a number is cut off');
    const byte = this.file.bytes[this.position - this.#skipped]!;
    this.position += 1;
    return byte;
  }

  #advance(length: number, end: number): number {
    if (length > end - this.position) this.fail('a value is cut off');
    const gap = this.file.gaps[this.#nextGap];
    if (gap !== undefined && gap.offset < this.position + length) {
      throw new CacheQuantError('unsupported', 'a large tensor lies where it is not expected', {
        where: `${this.file.name}, byte ${gap.offset}`,
        hint: 'Read the whole file into memory and use parseModel',
      });
    }
    const start = this.position - this.#skipped;
    this.position += length;
    return start;
  }

  #failLimit(limit: keyof Limits, count: number): never {
    throw new CacheQuantError('onnx-format', `the model goes past the limit '${limit}'`, {
      where: `${this.file.name}, byte ${this.position}`,
      expected: `at most ${this.limits[limit]}`,
      got: `${count}`,
      hint: 'If the file is to be trusted, raise this limit in the options',
    });
  }
}

/** Joins 28 low bits with the bits above them. */
function join(low: number, high: bigint): bigint {
  return BigInt.asIntN(64, (high << 28n) | BigInt(low));
}

function hintFor(bytes: Uint8Array): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 24));
  if (start.startsWith('version https://git-lfs'))
    return 'This is a Git LFS pointer; fetch the file itself with `git lfs pull`';
  if (start.startsWith('<')) return 'This is a web page, not a model; look at the address it came from';
  return 'The file is damaged or not an ONNX model; fetch or export it again';
}
