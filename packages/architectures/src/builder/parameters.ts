import { readFloat32, type WeightDType, type WeightSource } from '@cachequant/checkpoint';
import { elementTypeOf, type Weight } from '@cachequant/onnx';
import { type ByteSource, CacheQuantError, type DType, elementCount, toBytes } from '@cachequant/tensor';
import { locationWithin } from './location-within.js';

/**
 * How a graph refers to its weights.
 *
 * - `in-place`: as external data in the checkpoint's own files, by offset, in their own type; a Cast after a weight
 *   that is not float32 makes it so, which ONNX Runtime does once, when it loads the model. Weights that no graph can
 *   take so, because they are computed (merged, transposed) or of a type that ONNX Runtime does not cast, are as with
 *   `float32`.
 * - `float32`: as float32 weights that are read from the checkpoint, and converted, when somebody asks for them.
 */
export type WeightPlacement = 'in-place' | 'float32';

/** Part of a parameter along its first axis. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

export interface ParameterRequest {
  /** The shape that the architecture gives the parameter. */
  readonly dims: readonly number[];
  /** Takes only these rows of the first axis. */
  readonly rows?: RowRange;
  /** The shape in which the graph sees (these rows of) the parameter; the elements stay in order. */
  readonly seenAs?: readonly number[];
}

export interface ParametersOptions {
  /** Undefined to build a graph for its structure alone; its weights have no bytes. */
  readonly weights: WeightSource | undefined;
  readonly placement: WeightPlacement;
  /** Where the graph's file will lie in the storage; '' is its root. */
  readonly folder: string;
}

/** Turns named parameters into initializers, and keeps a list of all that were asked for. */
export class Parameters {
  /** Name → shape, of every parameter that the architecture has. */
  readonly declared = new Map<string, readonly number[]>();
  readonly #options: ParametersOptions;

  constructor(options: ParametersOptions) {
    this.#options = options;
  }

  /** Whether the checkpoint has a parameter; true when there is no checkpoint. */
  has(name: string): boolean {
    return this.#options.weights?.has(name) ?? true;
  }

  /**
   * An initializer that holds (part of) a parameter.
   * @throws CacheQuantError `checkpoint-format` for a parameter that the checkpoint lacks, `shape` for one of
   * another shape
   */
  weight(name: string, initializer: string, request: ParameterRequest): Weight {
    const { dims, rows } = request;
    this.declared.set(name, dims);
    const { weights, placement } = this.#options;
    if (weights !== undefined) checkShape(weights, name, dims);
    const rowElements = elementCount(dims.slice(1));
    const start = (rows?.start ?? 0) * rowElements;
    const count = (rows?.count ?? dims[0] ?? 1) * rowElements;
    const seenAs = request.seenAs ?? (rows ? [rows.count, ...dims.slice(1)] : dims);
    const place = weights !== undefined && placement === 'in-place' ? placeOf(weights, name) : undefined;
    const stored = place?.dtype ?? 'float32';
    return {
      name: initializer,
      dtype: stored,
      elementType: elementTypeOf(stored),
      dims: [...seenAs],
      data: place ? this.#inPlace(place, start, count) : this.#asFloat32(name, start, count),
    };
  }

  #asFloat32(name: string, start: number, count: number): Weight['data'] {
    const { weights } = this.#options;
    if (weights === undefined) return { kind: 'range', source: NOTHING, offset: 0, length: count * 4 };
    const source = new Float32Bytes(weights, name, start, count);
    return { kind: 'range', source, offset: 0, length: source.size };
  }

  #inPlace({ source, offset, elementBytes }: Place, start: number, count: number): Weight['data'] {
    return {
      kind: 'external',
      location: locationWithin(this.#options.folder, source.name),
      offset: offset + start * elementBytes,
      length: count * elementBytes,
    };
  }
}

/** @throws CacheQuantError `checkpoint-format` when there is no such parameter, `shape` when it has another shape */
function checkShape(weights: WeightSource, name: string, dims: readonly number[]): void {
  if (!weights.has(name)) {
    throw new CacheQuantError('checkpoint-format', 'the checkpoint lacks a parameter', {
      where: `parameter '${name}'`,
      expected: `[${dims}]`,
      hint: 'The configuration and the weights are of two different models, or a file is missing',
    });
  }
  const shape = weights.shapeOf(name);
  if (withoutOnes(shape) === withoutOnes(dims)) return;
  throw new CacheQuantError('shape', 'a parameter has another shape than its configuration says', {
    where: `parameter '${name}'`,
    expected: `[${dims}]`,
    got: `[${shape}]`,
  });
}

/** Checkpoints of older code keep linear layers as 1×1 convolutions; their elements are the same. */
function withoutOnes(dims: readonly number[]): string {
  return dims.filter((dim) => dim !== 1).join();
}

const CASTABLE: readonly WeightDType[] = ['float32', 'float16', 'bfloat16', 'float64'];

/** Where a parameter lies, of a type that a Cast takes. */
interface Place {
  readonly source: ByteSource;
  readonly offset: number;
  readonly dtype: DType;
  readonly elementBytes: number;
}

/** Undefined for a parameter that is computed, or of another type. */
function placeOf(weights: WeightSource, name: string): Place | undefined {
  const dtype = weights.dtypeOf(name);
  const whole = CASTABLE.includes(dtype) ? weights.location(name) : undefined;
  if (whole === undefined) return undefined;
  const elementBytes = whole.length / elementCount(weights.shapeOf(name));
  return { source: whole.source, offset: whole.offset, dtype: dtype as DType, elementBytes };
}

const NOTHING: ByteSource = {
  name: 'no checkpoint',
  size: 0,
  read: async () => new Uint8Array(0),
};

/** Some elements of a parameter as the bytes of float32. */
class Float32Bytes implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #weights: WeightSource;
  readonly #parameter: string;
  readonly #start: number;

  constructor(weights: WeightSource, parameter: string, start: number, count: number) {
    this.name = `parameter '${parameter}'`;
    this.size = count * 4;
    this.#weights = weights;
    this.#parameter = parameter;
    this.#start = start;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const first = Math.floor(offset / 4);
    const end = Math.ceil(Math.min(offset + length, this.size) / 4);
    const range = { start: this.#start + first, count: end - first };
    const bytes = toBytes(await readFloat32(this.#weights, this.#parameter, range));
    return bytes.subarray(offset - first * 4, offset - first * 4 + length);
  }
}
