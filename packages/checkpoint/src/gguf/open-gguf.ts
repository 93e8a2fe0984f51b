import { type ByteSource, CacheQuantError, readExactly, toBytes } from '@cachequant/tensor';
import { checkRange, type StoredWeight, StoredWeights } from '../stored-weights.js';
import type { ElementRange, WeightDType, WeightLocation, WeightSource } from '../weight-source.js';
import { bytesPerElement, countOf } from '../weight-types.js';
import { type GgufTensor, parseGgufHeader } from './parse-header.js';
import { fromQ8_0, Q8_0_BYTES, Q8_0_ELEMENTS } from './q8-0.js';

/** Numbers of `ggml_type`. */
const DTYPES: ReadonlyMap<number, WeightDType> = new Map([
  [0, 'float32'],
  [1, 'float16'],
  [24, 'int8'],
  [25, 'int16'],
  [26, 'int32'],
  [27, 'int64'],
  [28, 'float64'],
  [30, 'bfloat16'],
]);
const Q8_0 = 8;
const OTHER_TYPES: Readonly<Record<number, string>> = {
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** The shape that a tensor had before it was saved in fewer dimensions. */
const ORIGINAL_SHAPE = 'comfy.gguf.orig_shape.';

/**
 * Opens a GGUF file: numbers as they are, and Q8_0, which is read as float32. Only the header is read.
 *
 * @throws CacheQuantError `checkpoint-format` for damaged files, and those of version 1 or in big-endian order;
 *   `unsupported` for other kinds of quantization
 */
export async function openGguf(source: ByteSource): Promise<WeightSource> {
  const { tensors, numbers } = await parseGgufHeader(source);
  const stored = new Map<string, StoredWeight>();
  const blocks = new Map<string, StoredWeight>();
  for (const tensor of tensors) {
    if (stored.has(tensor.name) || blocks.has(tensor.name)) damaged(source, tensor, 'comes twice');
    const weight = weightOf(source, tensor, numbers.get(`${ORIGINAL_SHAPE}${tensor.name}`));
    (tensor.type === Q8_0 ? blocks : stored).set(tensor.name, weight);
  }
  return new GgufWeights(
    tensors.map(({ name }) => name),
    stored,
    blocks,
  );
}

function weightOf(
  source: ByteSource,
  tensor: GgufTensor,
  shape: readonly number[] | undefined,
): StoredWeight {
  // ggml counts dimensions from the one that varies fastest.
  const saved = tensor.dims.toReversed();
  const dims = shape ?? saved;
  const count = countOf(saved);
  if (countOf(dims) !== count || dims.some((dim) => dim < 0)) {
    damaged(source, tensor, `has a shape of other elements than [${dims}]`);
  }
  const quantized = tensor.type === Q8_0;
  if (quantized && saved[saved.length - 1]! % Q8_0_ELEMENTS !== 0) {
    damaged(source, tensor, `has rows of no whole blocks, [${saved}]`);
  }
  const dtype = quantized ? 'float32' : (DTYPES.get(tensor.type) ?? unsupported(source, tensor));
  const bytes = quantized ? (count / Q8_0_ELEMENTS) * Q8_0_BYTES : count * bytesPerElement(dtype);
  if (tensor.offset + bytes > source.size) damaged(source, tensor, 'reaches past the end of the file');
  return { dtype, dims, source, offset: tensor.offset };
}

class GgufWeights implements WeightSource {
  readonly #names: readonly string[];
  readonly #stored: StoredWeights;
  readonly #blocks: ReadonlyMap<string, StoredWeight>;

  constructor(
    names: readonly string[],
    stored: ReadonlyMap<string, StoredWeight>,
    blocks: ReadonlyMap<string, StoredWeight>,
  ) {
    this.#names = names;
    this.#stored = new StoredWeights(stored);
    this.#blocks = blocks;
  }

  names(): Iterable<string> {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#stored.has(name) || this.#blocks.has(name);
  }

  shapeOf(name: string): readonly number[] {
    return this.#blocks.get(name)?.dims ?? this.#stored.shapeOf(name);
  }

  dtypeOf(name: string): WeightDType {
    return this.#blocks.get(name)?.dtype ?? this.#stored.dtypeOf(name);
  }

  location(name: string): WeightLocation | undefined {
    return this.#blocks.has(name) ? undefined : this.#stored.location(name);
  }

  async read(name: string, range?: ElementRange): Promise<Uint8Array> {
    const weight = this.#blocks.get(name);
    if (weight === undefined) return this.#stored.read(name, range);
    const { start, count } = checkRange(name, weight.dims, range);
    const first = Math.floor(start / Q8_0_ELEMENTS);
    const end = Math.ceil((start + count) / Q8_0_ELEMENTS);
    const bytes = await readExactly(
      weight.source,
      weight.offset + first * Q8_0_BYTES,
      (end - first) * Q8_0_BYTES,
    );
    const skipped = start - first * Q8_0_ELEMENTS;
    return toBytes(fromQ8_0(bytes).subarray(skipped, skipped + count));
  }
}

function damaged(source: ByteSource, { name }: GgufTensor, summary: string): never {
  throw new CacheQuantError('checkpoint-format', summary, {
    where: `${source.name}: tensor '${name}'`,
    hint: 'The file is damaged: get it again from where it came',
  });
}

function unsupported(source: ByteSource, { name, type }: GgufTensor): never {
  throw new CacheQuantError('unsupported', 'this GGUF number format is not supported', {
    where: `${source.name}: tensor '${name}'`,
    expected: 'F64, F32, F16, BF16, Q8_0 or integers',
    got: OTHER_TYPES[type] ?? `type ${type}`,
    hint: 'Use a file of the same model in F16 or Q8_0, or its safetensors',
  });
}
