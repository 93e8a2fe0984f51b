import type { ByteSource, DType } from '@cachequant/tensor';

/** Element types that checkpoints have: those of tensors, and the two of eight bits that weights are stored in. */
export type WeightDType = DType | 'float8e4m3fn' | 'float8e5m2';

/** Where a weight's bytes lie as they are: little-endian, row by row. */
export interface WeightLocation {
  /** The file; its `name` is the path by which the storage knows it. */
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Elements `start` to `start + count` of a weight, counted row by row. */
export interface ElementRange {
  readonly start: number;
  readonly count: number;
}

/**
 * Named weights that are read when they are needed. A file is one; so is what is made of others: under other
 * names, in parts, transposed, or with a LoRA added.
 *
 * Methods that take a name throw CacheQuantError `checkpoint-format` where there is no such weight.
 */
export interface WeightSource {
  /** In the order of the file. */
  names(): Iterable<string>;
  has(name: string): boolean;
  shapeOf(name: string): readonly number[];
  dtypeOf(name: string): WeightDType;
  /** @returns undefined for a weight that lies in no file as it is read, because it is computed */
  location(name: string): WeightLocation | undefined;
  /**
   * The elements as bytes of the weight's own type, little-endian, row by row; all of them without a range.
   * Memory: what is returned, and what computing it takes; nothing is kept.
   */
  read(name: string, range?: ElementRange): Promise<Uint8Array>;
}
