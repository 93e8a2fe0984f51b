import { concatBytes } from '../proto/decode.js';
import type { TensorProto } from '../proto/messages.js';
import { type Context, refuse } from './context.js';

/** Bytes that one entry of int32_data stands for; types that are not listed are not stored there. */
const INT32_ENTRY_BYTES = new Map([
  [2, 1],
  [3, 1],
  [4, 2],
  [5, 2],
  [6, 4],
  [9, 1],
  [10, 2],
  [16, 2],
  [17, 1],
  [18, 1],
  [19, 1],
  [20, 1],
  [21, 1],
  [22, 1],
  [23, 1],
  [24, 1],
  [25, 1],
  [26, 1],
]);

/**
 * Converts the elements of the typed fields (float_data, int32_data, …) to what raw_data would hold.
 * @param length how many bytes there must be
 */
export function typedDataToBytes(
  proto: TensorProto,
  elementType: number,
  length: number,
  context: Context,
  what: string,
): Uint8Array {
  if (proto.floatData.length > 0) return concatBytes(proto.floatData);
  if (proto.doubleData.length > 0) return concatBytes(proto.doubleData);
  const varints = { context, what, length };
  if (proto.int64Data.length > 0) return varintsToBytes(proto.int64Data, 8, varints);
  if (proto.uint64Data.length > 0)
    return varintsToBytes(proto.uint64Data, elementType === 12 ? 4 : 8, varints);
  if (proto.int32Data.length === 0) return new Uint8Array(0);
  return varintsToBytes(proto.int32Data, INT32_ENTRY_BYTES.get(elementType) ?? 4, varints);
}

interface Expected {
  readonly context: Context;
  readonly what: string;
  /** In bytes. */
  readonly length: number;
}

function varintsToBytes(chunks: readonly Uint8Array[], entryBytes: number, expected: Expected): Uint8Array {
  const encoded = concatBytes(chunks);
  const fail = (summary: string): never => refuse(expected.context, expected.what, summary);
  // Every entry takes a byte or more, so this bounds the allocation by the size of the file.
  if (expected.length > encoded.byteLength * entryBytes)
    fail('the shape has more elements than the file holds');
  const result = new Uint8Array(expected.length);
  let position = 0;
  let written = 0;
  while (position < encoded.byteLength) {
    if (written >= expected.length) fail('the file holds more elements than the shape has');
    const end = endOfVarint(encoded, position);
    if (end === undefined) fail('a number is cut off or too long');
    writeVarint(encoded.subarray(position, end), result.subarray(written, written + entryBytes));
    position = end!;
    written += entryBytes;
  }
  if (written < expected.length) fail('the shape has more elements than the file holds');
  return result;
}

function endOfVarint(bytes: Uint8Array, start: number): number | undefined {
  const limit = Math.min(bytes.byteLength, start + 10);
  for (let i = start; i < limit; i++) if (bytes[i]! < 0x80) return i + 1;
  return undefined;
}

/** Spreads the 7-bit groups of a varint over little-endian bytes; what does not fit is cut off. */
function writeVarint(groups: Uint8Array, target: Uint8Array): void {
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]! & 0x7f;
    const bit = i * 7;
    const byte = bit >> 3;
    const shifted = group << (bit & 7);
    if (byte < target.length) target[byte]! |= shifted & 0xff;
    if (byte + 1 < target.length) target[byte + 1]! |= shifted >> 8;
  }
}
