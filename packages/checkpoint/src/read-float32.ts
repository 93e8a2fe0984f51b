import { CacheQuantError, fromBfloat16, fromBytes, fromFloat16, throwIfAborted } from '@cachequant/tensor';
import { fromFloat8 } from './float8.js';
import type { ElementRange, WeightDType, WeightSource } from './weight-source.js';
import { countOf } from './weight-types.js';

/** 4 MiB of float32: large enough that reading is not the cost, small beside any model. */
const CHUNK_ELEMENTS = 2 ** 20;

/**
 * A weight's elements as float32. Exact from float16, bfloat16 and float8; float64 is rounded.
 *
 * @param range all elements when left out
 * @throws CacheQuantError `dtype` for weights that are not floating-point numbers
 */
export async function readFloat32(
  source: WeightSource,
  name: string,
  range?: ElementRange,
): Promise<Float32Array> {
  const convert = float32Converter(source.dtypeOf(name), name);
  return convert(await source.read(name, range));
}

/** The same as {@link readFloat32} in chunks of `chunkElements`, in order, so that no weight is whole in memory. */
export async function* float32Chunks(
  source: WeightSource,
  name: string,
  options: { chunkElements?: number; signal?: AbortSignal } = {},
): AsyncGenerator<Float32Array> {
  const { chunkElements = CHUNK_ELEMENTS, signal } = options;
  const total = countOf(source.shapeOf(name));
  for (let start = 0; start < total; start += chunkElements) {
    throwIfAborted(signal);
    yield readFloat32(source, name, { start, count: Math.min(chunkElements, total - start) });
  }
}

type Convert = (bytes: Uint8Array) => Float32Array;

const CONVERTERS: Partial<Record<WeightDType, Convert>> = {
  float32: (bytes) => fromBytes('float32', bytes),
  float64: (bytes) => Float32Array.from(fromBytes('float64', bytes)),
  float16: (bytes) => fromFloat16(fromBytes('float16', bytes)),
  bfloat16: (bytes) => fromBfloat16(fromBytes('bfloat16', bytes)),
  float8e4m3fn: (bytes) => fromFloat8(bytes, 'float8e4m3fn'),
  float8e5m2: (bytes) => fromFloat8(bytes, 'float8e5m2'),
};

function float32Converter(dtype: WeightDType, name: string): Convert {
  const convert = CONVERTERS[dtype];
  if (convert !== undefined) return convert;
  throw new CacheQuantError('dtype', 'the weight is not of floating-point numbers', {
    where: `weight '${name}'`,
    expected: Object.keys(CONVERTERS).join(', '),
    got: dtype,
  });
}
