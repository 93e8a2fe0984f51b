import type { ByteSource } from '@cachequant/tensor';
import { HeaderReader } from './header-reader.js';

export interface GgufTensor {
  readonly name: string;
  /** The dimension that varies fastest first, as ggml counts them. */
  readonly dims: readonly number[];
  /** The number of a `ggml_type`. */
  readonly type: number;
  /** From the first byte of the file. */
  readonly offset: number;
}

export interface GgufHeader {
  readonly tensors: readonly GgufTensor[];
  /** Values that are numbers or lists of numbers, by their keys; no others are kept. */
  readonly numbers: ReadonlyMap<string, readonly number[]>;
}

const DEFAULT_ALIGNMENT = 32;
/** As many as the format allows. */
const MAX_RANK = 4;
/** Lists of lists deeper than any file has, so that recursion ends. */
const MAX_DEPTH = 4;

const STRING = 8;
const ARRAY = 9;
/** Bytes of each type of value: numbers of 8, 16, 32 and 64 bits, and truth values. */
const VALUE_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const UINT32 = 4;
const INT32 = 5;
const UINT64 = 10;

/**
 * Reads the header of a GGUF file of version 2 or 3.
 *
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 * @throws CacheQuantError `checkpoint-format`
 */
export async function parseGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const reader = new HeaderReader(source);
  reader.skip(4);
  const version = await reader.uint32();
  // Files in big-endian order have their version in the upper bytes.
  if (version !== 2 && version !== 3) reader.fail('has a version that is not read', `${version}`);
  const tensorCount = await reader.uint64();
  const valueCount = await reader.uint64();
  const numbers = new Map<string, readonly number[]>();
  for (let i = 0; i < valueCount; i++) {
    const key = await reader.text();
    const value = await readValue(reader, await reader.uint32(), MAX_DEPTH);
    if (value !== undefined) numbers.set(key, value);
  }
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i++) tensors.push(await readTensor(reader));
  const alignment = numbers.get('general.alignment')?.[0] ?? DEFAULT_ALIGNMENT;
  if (!(alignment > 0)) reader.fail('has no valid alignment', `${alignment}`);
  const data = Math.ceil(reader.position / alignment) * alignment;
  return { numbers, tensors: tensors.map((tensor) => ({ ...tensor, offset: data + tensor.offset })) };
}

async function readTensor(reader: HeaderReader): Promise<GgufTensor> {
  const name = await reader.text();
  const rank = await reader.uint32();
  if (rank > MAX_RANK) reader.fail('has a tensor of too many dimensions', `${rank} of '${name}'`);
  const dims: number[] = [];
  for (let i = 0; i < rank; i++) dims.push(await reader.uint64());
  return { name, dims, type: await reader.uint32(), offset: await reader.uint64() };
}

/** @returns undefined for what is passed over: text, other numbers than whole ones, lists of these */
async function readValue(
  reader: HeaderReader,
  type: number,
  depth: number,
): Promise<readonly number[] | undefined> {
  if (type === ARRAY) return readArray(reader, depth);
  if (type === STRING) return void (await reader.text());
  if (type === UINT32) return [await reader.uint32()];
  if (type === INT32) return [await reader.int32()];
  if (type === UINT64) return [await reader.uint64()];
  reader.skip(VALUE_BYTES[type] ?? reader.fail('has a value of an unknown type', `${type}`));
  return undefined;
}

async function readArray(reader: HeaderReader, depth: number): Promise<readonly number[] | undefined> {
  if (depth === 0) reader.fail('has lists within lists too deep');
  const type = await reader.uint32();
  const length = await reader.uint64();
  const values: number[] = [];
  for (let i = 0; i < length; i++) {
    const value = await readValue(reader, type, depth - 1);
    // Text takes bytes, so that a long list ends with the file; so do numbers.
    if (value?.length === 1) values.push(value[0]!);
  }
  return values.length === length ? values : undefined;
}
