import { CacheQuantError, parseJson } from '@cachequant/tensor';
import type { WeightDType } from '../weight-source.js';
import { bytesPerElement } from '../weight-types.js';
import { duplicateKey } from './duplicate-key.js';

/** What the reference implementation accepts: 100 million bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** More than any framework has; keeps `dims` from taking more memory than the tensor. */
const MAX_RANK = 64;

const DTYPES: Readonly<Record<string, WeightDType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  F8_E5M2: 'float8e5m2',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
};

export interface SafetensorsEntry {
  readonly dtype: WeightDType;
  readonly dims: readonly number[];
  /** From the first byte after the header. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * Reads the header and holds it against the rules of the format: UTF-8, no key twice, known element types, bytes
 * that fit the shape, data without holes or overlaps up to the end of the file.
 *
 * Source: https://huggingface.co/docs/safetensors (format) and the reference implementation's `validate`.
 *
 * @param bytes the JSON, without the length before it
 * @param dataBytes how many bytes follow it in the file
 * @throws CacheQuantError `checkpoint-format`, or `unsupported` for element types that there is no computing with
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const { __metadata__: metadata = {}, ...tensors } = parseHeaderJson(bytes, file);
  const entries = Object.entries(tensors).map(
    ([name, value]) => [name, parseEntry(value, `${file}: tensor '${name}'`)] as const,
  );
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes, file);
  return { metadata: checkMetadata(metadata, file), entries: new Map(entries) };
}

function parseHeaderJson(bytes: Uint8Array, file: string): Record<string, unknown> {
  const where = `${file}: header`;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(where, 'is not UTF-8', { cause });
  }
  if (!text.startsWith('{')) {
    throw malformed(where, 'is not an object', {
      expected: "'{' first",
      got: JSON.stringify(text.slice(0, 8)),
    });
  }
  let value: unknown;
  try {
    value = parseJson(text, where);
  } catch (cause) {
    throw malformed(where, 'is not JSON', { cause });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw malformed(where, 'has a key twice', { got: `'${twice}'` });
  return value as Record<string, unknown>;
}

function parseEntry(value: unknown, where: string): SafetensorsEntry {
  if (/\p{Surrogate}/u.test(where)) throw malformed(where, 'has a name that is not Unicode');
  const { dtype: code, shape, data_offsets: offsets } = asRecord(value, where);
  if (typeof code !== 'string') throw malformed(where, 'has no dtype', { got: JSON.stringify(code) });
  if (!isSizes(shape) || shape.length > MAX_RANK) {
    throw malformed(where, 'has no valid shape', { got: JSON.stringify(shape)?.slice(0, 100) });
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw malformed(where, 'has no valid data_offsets', { got: JSON.stringify(offsets)?.slice(0, 100) });
  }
  const dtype = Object.hasOwn(DTYPES, code) ? DTYPES[code]! : unknownDtype(code, where);
  const [begin, end] = offsets as [number, number];
  const needed = shape.reduce((product, dim) => product * dim, bytesPerElement(dtype));
  if (needed !== end - begin) {
    throw malformed(where, 'has other bytes than its shape takes', {
      expected: `${needed} bytes for ${code} [${shape}]`,
      got: `${end - begin}`,
    });
  }
  return { dtype, dims: shape, begin, end };
}

function checkCoverage(
  entries: readonly (readonly [string, SafetensorsEntry])[],
  dataBytes: number,
  file: string,
): void {
  let position = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== position) {
      const fault = begin > position ? 'leaves a hole before it' : 'overlaps the tensor before it';
      throw malformed(`${file}: tensor '${name}'`, fault, {
        expected: `data from byte ${position}`,
        got: `${begin}`,
      });
    }
    position = end;
  }
  if (position === dataBytes) return;
  const cut = position > dataBytes;
  throw malformed(file, cut ? 'is cut off' : 'has bytes that belong to no tensor', {
    expected: `${position} bytes after the header`,
    got: `${dataBytes}`,
    hint: cut ? 'Download the file again' : undefined,
  });
}

function checkMetadata(value: unknown, file: string): Record<string, string> {
  const where = `${file}: __metadata__`;
  const metadata = asRecord(value, where);
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string')
      throw malformed(where, 'holds something other than text', { got: `'${key}'` });
  }
  return metadata as Record<string, string>;
}

function asRecord(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw malformed(where, 'is not an object', { got: JSON.stringify(value)?.slice(0, 100) });
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function unknownDtype(code: string, where: string): never {
  throw new CacheQuantError('unsupported', 'this element type cannot be computed with', {
    where,
    expected: Object.keys(DTYPES).join(', '),
    got: JSON.stringify(code),
  });
}

function malformed(
  where: string,
  summary: string,
  {
    expected,
    got,
    hint,
    cause,
  }: { expected?: string; got?: string | undefined; hint?: string | undefined; cause?: unknown } = {},
): CacheQuantError {
  return new CacheQuantError('checkpoint-format', summary, {
    where,
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
    hint: hint ?? 'The file is damaged or is not safetensors: get it again from where it came',
    cause,
  });
}
