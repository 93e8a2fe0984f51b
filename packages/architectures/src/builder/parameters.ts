import { type ByteSource, elementTypeOf, type Weight } from '@cachequant/onnx';
import { CacheQuantError, elementCount } from '@cachequant/tensor';
import { asFloatType, bytesOf, type FloatType, toFloat32Bytes } from './float-types.js';
import type { WeightSource } from './weight-source.js';

/**
 * How a graph refers to its weights.
 *
 * - `in-place`: as external data in the checkpoint's own files, by offset, in their own type; a Cast after a 16-bit
 *   weight makes it float32, which ONNX Runtime does once, when it loads the model.
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

/** Turns named parameters into initializers, and keeps a list of all that were asked for. */
export class Parameters {
  /** Name → shape, of every parameter that the architecture has. */
  readonly declared = new Map<string, readonly number[]>();
  readonly #source: WeightSource | undefined;
  readonly #placement: WeightPlacement;

  /** @param source undefined to build a graph for its structure alone; its weights have no bytes */
  constructor(source: WeightSource | undefined, placement: WeightPlacement) {
    this.#source = source;
    this.#placement = placement;
  }

  /** Whether the checkpoint has a parameter; true when there is no checkpoint. */
  has(name: string): boolean {
    return this.#source === undefined || this.#source.shapeOf(name) !== undefined;
  }

  /**
   * An initializer that holds (part of) a parameter.
   * @throws CacheQuantError `invalid-argument` for a parameter that the checkpoint lacks, `shape` for one of
   * another shape, `unsupported` for one of another type
   */
  weight(name: string, initializer: string, request: ParameterRequest): Weight {
    const { dims, rows } = request;
    this.declared.set(name, dims);
    const dtype = this.#check(name, dims);
    const rowElements = elementCount(dims.slice(1));
    const start = (rows?.start ?? 0) * rowElements;
    const count = (rows?.count ?? dims[0] ?? 1) * rowElements;
    const seenAs = request.seenAs ?? (rows ? [rows.count, ...dims.slice(1)] : dims);
    const stored = this.#placement === 'in-place' ? dtype : 'float32';
    return {
      name: initializer,
      dtype: stored,
      elementType: elementTypeOf(stored),
      dims: [...seenAs],
      data: this.#data(name, dtype, start, count),
    };
  }

  #check(name: string, dims: readonly number[]): FloatType {
    if (this.#source === undefined) return 'float32';
    const shape = this.#source.shapeOf(name);
    if (shape === undefined) {
      throw new CacheQuantError('invalid-argument', 'the checkpoint lacks a parameter', {
        where: `parameter '${name}'`,
        expected: `[${dims}]`,
        hint: 'The configuration and the weights are of two different models, or a file is missing',
      });
    }
    if (withoutOnes(shape) !== withoutOnes(dims)) {
      throw new CacheQuantError('shape', 'a parameter has another shape than its configuration says', {
        where: `parameter '${name}'`,
        expected: `[${dims}]`,
        got: `[${shape}]`,
      });
    }
    return asFloatType(this.#source.dtypeOf(name) ?? 'nothing', name);
  }

  #data(name: string, dtype: FloatType, start: number, count: number): Weight['data'] {
    const source = this.#source;
    if (source === undefined) return { kind: 'range', source: NOTHING, offset: 0, length: count * 4 };
    const size = bytesOf(dtype);
    if (this.#placement === 'float32') {
      const length = count * 4;
      return {
        kind: 'range',
        source: new Float32Bytes(source, name, dtype, start, count),
        offset: 0,
        length,
      };
    }
    const location = source.locationOf(name);
    if (location === undefined) {
      throw new CacheQuantError('invalid-argument', 'a parameter lies in no file', {
        where: `parameter '${name}'`,
        hint: "Build with the placement 'float32'",
      });
    }
    const offset = location.offset + start * size;
    return { kind: 'external', location: location.file, offset, length: count * size };
  }
}

/** Checkpoints of older code keep linear layers as 1×1 convolutions; their elements are the same. */
function withoutOnes(dims: readonly number[]): string {
  return dims.filter((dim) => dim !== 1).join();
}

const NOTHING: ByteSource = {
  name: 'no checkpoint',
  size: 0,
  read: async () => new Uint8Array(0),
};

/** Some elements of a parameter as float32. The whole parameter is kept while it is read through in order. */
class Float32Bytes implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #load: () => Promise<Uint8Array>;
  #loaded: Promise<Uint8Array> | undefined;

  constructor(source: WeightSource, parameter: string, dtype: FloatType, start: number, count: number) {
    this.name = `parameter '${parameter}'`;
    this.size = count * 4;
    const size = bytesOf(dtype);
    this.#load = async () => {
      const bytes = await source.read(parameter);
      return toFloat32Bytes(bytes.subarray(start * size, (start + count) * size), dtype);
    };
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#loaded ??= this.#load();
    const bytes = await this.#loaded;
    if (offset + length >= this.size) this.#loaded = undefined;
    return bytes.subarray(offset, offset + length);
  }
}
