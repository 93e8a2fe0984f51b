import { type ByteSource, CacheQuantError, readExactly } from '@cachequant/tensor';

const CHUNK_BYTES = 2 ** 20;
/** As many as a safetensors file's may have. */
const MAX_HEADER_BYTES = 100_000_000;

/** Reads numbers and text one after the other, little-endian, and the file in chunks as it needs them. */
export class HeaderReader {
  readonly #source: ByteSource;
  /** Where in the file the next byte is. */
  position = 0;
  #chunk: DataView = new DataView(new ArrayBuffer(0));
  #chunkStart = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async uint32(): Promise<number> {
    const at = await this.#take(4);
    return this.#chunk.getUint32(at, true);
  }

  async int32(): Promise<number> {
    const at = await this.#take(4);
    return this.#chunk.getInt32(at, true);
  }

  /** A size or an offset. */
  async uint64(): Promise<number> {
    const at = await this.#take(8);
    const value = this.#chunk.getBigUint64(at, true);
    if (value > Number.MAX_SAFE_INTEGER) this.fail('has a number out of range', `${value}`);
    return Number(value);
  }

  async text(): Promise<string> {
    const length = await this.uint64();
    const at = await this.#take(length);
    const bytes = new Uint8Array(this.#chunk.buffer, this.#chunk.byteOffset + at, length);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return this.fail('has text that is not UTF-8');
    }
  }

  skip(bytes: number): void {
    this.#checkRest(bytes);
    this.position += bytes;
  }

  fail(summary: string, got?: string): never {
    throw new CacheQuantError('checkpoint-format', summary, {
      where: `${this.#source.name}: byte ${this.position} of the header`,
      ...(got === undefined ? {} : { got }),
      hint: 'The file is damaged or is not GGUF: get it again from where it came',
    });
  }

  /** @returns where in the chunk the bytes begin */
  async #take(length: number): Promise<number> {
    this.#checkRest(length);
    const start = this.position;
    if (start < this.#chunkStart || start + length > this.#chunkStart + this.#chunk.byteLength) {
      const wanted = Math.min(Math.max(length, CHUNK_BYTES), this.#source.size - start);
      const bytes = await readExactly(this.#source, start, wanted);
      this.#chunk = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#chunkStart = start;
    }
    this.position += length;
    return start - this.#chunkStart;
  }

  #checkRest(length: number): void {
    const end = this.position + length;
    if (end > this.#source.size) this.fail('is cut off', `${this.#source.size} bytes`);
    if (end > MAX_HEADER_BYTES) this.fail(`has a header of more than ${MAX_HEADER_BYTES} bytes`);
  }
}
