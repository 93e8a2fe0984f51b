import { type ByteSource, readExactly, throwIfAborted } from '@cachequant/tensor';
import type { Limits } from '../limits.js';
import { concatBytes } from '../proto/decode.js';
import { ATTRIBUTE, FUNCTION, GRAPH, MODEL, NODE, TENSOR } from '../proto/messages.js';
import { type Gap, ProtoReader, type SparseFile, WIRE } from '../proto/reader.js';
import type { Schema } from '../proto/schema.js';

/** Raw data up to this size is read along; what is longer stays in the file. */
const INLINE_BYTES = 4096;

const FIRST_READ = 4096;
const LARGEST_READ = 256 * 1024;
/** A tag and a length, ten bytes each at most. */
const LONGEST_HEADER = 20;

/** Messages that can hold a tensor, however deep. */
const CONTAINERS: ReadonlySet<Schema<unknown>> = new Set<Schema<unknown>>([
  MODEL,
  GRAPH,
  NODE,
  ATTRIBUTE,
  TENSOR,
  FUNCTION,
]);

interface ScanOptions {
  readonly limits: Limits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a model file but for its big raw data, so that memory and time depend on the graph's size alone.
 * @throws CacheQuantError `onnx-format`, `aborted`
 */
export async function scanModel(source: ByteSource, options: ScanOptions): Promise<SparseFile> {
  return new Scanner(source, options).scan();
}

interface OpenMessage {
  readonly schema: Schema<unknown>;
  readonly end: number;
}

class Scanner {
  readonly #chunks: Uint8Array[] = [];
  readonly #gaps: Gap[] = [];
  #kept = 0;
  /** What was read ahead: the bytes from `#position` on. */
  #window: Uint8Array = new Uint8Array(0);
  #position = 0;
  #readSize = FIRST_READ;

  constructor(
    readonly source: ByteSource,
    readonly options: ScanOptions,
  ) {}

  async scan(): Promise<SparseFile> {
    const open: OpenMessage[] = [{ schema: MODEL, end: this.source.size }];
    while (open.length > 0) {
      const { schema, end } = open.at(-1)!;
      if (this.#position >= end) open.pop();
      else await this.#scanField(schema, end, open);
    }
    const { name } = this.source;
    return { name, bytes: concatBytes(this.#chunks), gaps: this.#gaps, source: this.source };
  }

  async #scanField(schema: Schema<unknown>, end: number, open: OpenMessage[]): Promise<void> {
    await this.#fill(Math.min(LONGEST_HEADER, end - this.#position));
    const reader = this.#headerReader(end);
    const tag = reader.readSize(reader.end);
    const wireType = tag % 8;
    if (wireType !== WIRE.bytes) {
      reader.skip(wireType, reader.end);
      return this.#keep(reader.position);
    }
    const length = reader.readSize(reader.end);
    const headerEnd = reader.position;
    if (length > end - this.#position - headerEnd) {
      reader.fail(
        'a field reaches past the end',
        `${length} bytes where ${end - this.#position - headerEnd} are left`,
      );
    }
    await this.#keep(headerEnd);
    await this.#scanContent(schema, Math.floor(tag / 8), length, open);
  }

  async #scanContent(
    schema: Schema<unknown>,
    number: number,
    length: number,
    open: OpenMessage[],
  ): Promise<void> {
    const field = schema.byNumber.get(number);
    const inner = field?.schema?.();
    if (length <= INLINE_BYTES || field === undefined) return this.#keep(length);
    if (field.kind === 'data') {
      this.#gaps.push({ offset: this.#position, length });
      return this.#skip(length);
    }
    if (inner === undefined || !CONTAINERS.has(inner)) return this.#keep(length);
    open.push({ schema: inner, end: this.#position + length });
    // One more than the decoder's count: the model itself is at depth 0.
    this.#headerReader(0).checkDepth(open.length - 1);
  }

  /** Reads the window's start; its errors give places in the file. */
  #headerReader(end: number): ProtoReader {
    const bytes = this.#window.subarray(0, Math.max(0, Math.min(LONGEST_HEADER, end - this.#position)));
    return new ProtoReader(
      { name: `${this.source.name}, from byte ${this.#position}`, bytes, gaps: [] },
      this.options.limits,
    );
  }

  /** Makes sure that the window has that many bytes. */
  async #fill(count: number): Promise<void> {
    if (this.#window.byteLength >= count) return;
    throwIfAborted(this.options.signal);
    const start = this.#position + this.#window.byteLength;
    const length = Math.min(
      this.source.size - start,
      Math.max(this.#readSize, count - this.#window.byteLength),
    );
    const more = await readExactly(this.source, start, length);
    this.#window = this.#window.byteLength === 0 ? more : concatBytes([this.#window, more]);
    this.#readSize = Math.min(LARGEST_READ, this.#readSize * 2);
  }

  async #keep(count: number): Promise<void> {
    this.#kept += count;
    if (this.#kept > this.options.limits.graphBytes) this.#headerReader(0).count('graphBytes', this.#kept);
    for (let left = count; left > 0; ) {
      await this.#fill(Math.min(left, LARGEST_READ));
      const chunk = this.#window.subarray(0, left);
      this.#chunks.push(chunk);
      this.#window = this.#window.subarray(chunk.byteLength);
      this.#position += chunk.byteLength;
      left -= chunk.byteLength;
    }
  }

  #skip(length: number): void {
    this.#position += length;
    this.#window = this.#window.subarray(length);
    if (this.#window.byteLength === 0) this.#readSize = FIRST_READ;
  }
}
