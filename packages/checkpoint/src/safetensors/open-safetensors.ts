import { type ByteSource, CacheQuantError, readExactly } from '@cachequant/tensor';
import { StoredWeights } from '../stored-weights.js';
import { MAX_HEADER_BYTES, parseHeader } from './header.js';

/** Bytes before the header: its length as an unsigned 64-bit integer, little-endian. */
const LENGTH_BYTES = 8;

/** The weights of a safetensors file, and the text that its writer left in it. */
export class SafetensorsFile extends StoredWeights {
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    weights: ConstructorParameters<typeof StoredWeights>[0],
    metadata: Readonly<Record<string, string>>,
  ) {
    super(weights);
    this.metadata = metadata;
  }
}

/**
 * Opens one safetensors file. Only its header is read; weights are read by their ranges when they are asked for.
 *
 * @throws CacheQuantError `checkpoint-format` when the file breaks a rule of the format, `unsupported` for
 *   element types that there is no computing with (float4, float6, complex numbers)
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const headerBytes = await readHeaderLength(source);
  const dataStart = LENGTH_BYTES + headerBytes;
  const bytes = await readExactly(source, LENGTH_BYTES, headerBytes);
  const { entries, metadata } = parseHeader(bytes, source.size - dataStart, source.name);
  const weights = [...entries].map(
    ([name, { dtype, dims, begin }]) => [name, { dtype, dims, source, offset: dataStart + begin }] as const,
  );
  return new SafetensorsFile(new Map(weights), metadata);
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const room = source.size - LENGTH_BYTES;
  const bytes = room < 0 ? undefined : await readExactly(source, 0, LENGTH_BYTES);
  const length =
    bytes === undefined
      ? Number.NaN
      : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length <= room && length <= MAX_HEADER_BYTES) return length;
  throw new CacheQuantError('checkpoint-format', 'the file is not safetensors, or was cut off', {
    where: source.name,
    expected: `a header of at most ${Math.min(Math.max(room, 0), MAX_HEADER_BYTES)} bytes`,
    got: bytes === undefined ? `a file of ${source.size} bytes` : `${length} bytes`,
    hint: 'Download the file again and compare its size with what it should be',
  });
}
