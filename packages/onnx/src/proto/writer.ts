import type { ByteRange } from './reader.js';

/** A piece of a file to be written: bytes, or bytes that are still to be read from somewhere. */
export type Piece = Uint8Array | ByteRange;

function lengthOf(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.byteLength : piece.length;
}

/** Longer runs are passed on instead of being copied. */
const COPIED_BYTES = 256;

const UTF8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** Writes protobuf's wire format as a list of pieces, so that big data is never copied. */
export class ProtoWriter {
  readonly #pieces: Piece[] = [];
  /** Bytes that are not in `#pieces` yet. */
  #buffer = NOTHING;
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length + this.#used;
  }

  tag(field: number, wireType: number): void {
    this.size(field * 8 + wireType);
  }

  /** A whole number from 0 to 2^53. */
  size(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  int(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  float(value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.raw(bytes);
  }

  /** A length and the bytes. */
  bytes(piece: Piece): void {
    this.size(lengthOf(piece));
    this.raw(piece);
  }

  string(value: string): void {
    this.bytes(UTF8.encode(value));
  }

  raw(piece: Piece): void {
    if (piece instanceof Uint8Array && piece.byteLength <= COPIED_BYTES) {
      this.#reserve(piece.byteLength);
      this.#buffer.set(piece, this.#used);
      this.#used += piece.byteLength;
    } else {
      this.#flush();
      this.#pieces.push(piece);
      this.#length += lengthOf(piece);
    }
  }

  /** A length and what another writer has written. */
  nested(writer: ProtoWriter): void {
    this.size(writer.length);
    for (const piece of writer.finish()) this.raw(piece);
  }

  finish(): readonly Piece[] {
    this.#flush();
    return this.#pieces;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#used] = value;
    this.#used += 1;
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.#buffer.byteLength) return;
    const larger = new Uint8Array(Math.max(64, this.#buffer.byteLength * 2, this.#used + count));
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#pieces.push(this.#buffer.subarray(0, this.#used));
    this.#length += this.#used;
    this.#buffer = NOTHING;
    this.#used = 0;
  }
}
