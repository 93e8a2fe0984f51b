import { CacheQuantError, type DType, type Tensor, tensor } from '@cachequant/tensor';

/** Element types of NumPy in files, little-endian, and how their bytes are read. */
const TYPES: Readonly<Record<string, { readonly dtype: DType; readonly bytes: number }>> = {
  '<f4': { dtype: 'float32', bytes: 4 },
  '<f8': { dtype: 'float64', bytes: 8 },
  '<i4': { dtype: 'int32', bytes: 4 },
  '<i8': { dtype: 'int64', bytes: 8 },
  '|u1': { dtype: 'uint8', bytes: 1 },
};

const MAGIC = '\x93NUMPY';

/**
 * Reads an array that `numpy.save` wrote.
 * @param where the file, for messages
 * @throws CacheQuantError `invalid-argument` for a file that is none, was cut off, or holds another kind of elements
 */
export function readNpy(bytes: Uint8Array, where: string): Tensor {
  const { header, start } = headerOf(bytes, where);
  const descr = /'descr': *'([^']*)'/.exec(header)?.[1] ?? '';
  const type = Object.hasOwn(TYPES, descr) ? TYPES[descr] : undefined;
  if (type === undefined) {
    throw invalid(where, 'the array holds another kind of elements', Object.keys(TYPES).join(', '), descr);
  }
  if (!/'fortran_order': *False/.test(header)) {
    throw invalid(where, 'the array is stored by columns', 'numpy.ascontiguousarray of it', 'fortran_order');
  }
  const dims = (/'shape': *\(([^)]*)\)/.exec(header)?.[1] ?? '?')
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (!Number.isSafeInteger(count) || dims.some((dim) => dim < 0)) throw none(where);
  const end = start + count * type.bytes;
  if (bytes.byteLength !== end) {
    throw invalid(where, 'the array is not as long as it says', `${end} bytes`, `${bytes.byteLength} bytes`);
  }
  // Not `slice`, by which Node's buffers share what they lie in.
  const own = new Uint8Array(bytes.subarray(start, end)).buffer;
  return fromBuffer(type.dtype, dims, own);
}

function headerOf(bytes: Uint8Array, where: string): { header: string; start: number } {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, MAGIC.length));
  if (text !== MAGIC || bytes.byteLength < 12) throw none(where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isFirst = bytes[6] === 1;
  const length = isFirst ? view.getUint16(8, true) : view.getUint32(8, true);
  const from = isFirst ? 10 : 12;
  if (from + length > bytes.byteLength) throw none(where);
  return {
    header: new TextDecoder('latin1').decode(bytes.subarray(from, from + length)),
    start: from + length,
  };
}

function fromBuffer(dtype: DType, dims: readonly number[], buffer: ArrayBuffer): Tensor {
  switch (dtype) {
    case 'float64':
      return tensor('float64', dims, new Float64Array(buffer));
    case 'int32':
      return tensor('int32', dims, new Int32Array(buffer));
    case 'int64':
      return tensor('int64', dims, new BigInt64Array(buffer));
    case 'uint8':
      return tensor('uint8', dims, new Uint8Array(buffer));
    default:
      return tensor('float32', dims, new Float32Array(buffer));
  }
}

function none(where: string): CacheQuantError {
  return invalid(where, 'this is no array of NumPy', 'a file that numpy.save wrote', undefined);
}

function invalid(where: string, message: string, expected: string, got: string | undefined): CacheQuantError {
  return new CacheQuantError('invalid-argument', message, {
    where,
    expected,
    ...(got !== undefined && { got }),
  });
}
