/** Where a tensor's bytes are: little-endian, row-major, without gaps. */
export interface WeightLocation {
  /** The file's path as a model file beside it would name it. */
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** What can be asked of a checkpoint without loading it. The names are those of diffusers and transformers. */
export interface WeightSource {
  names(): Iterable<string>;
  /** Undefined for a name that is not there. */
  shapeOf(name: string): readonly number[] | undefined;
  /** Named as in the ONNX standard (`float32`, `float16`, `bfloat16`, …); undefined for a name that is not there. */
  dtypeOf(name: string): string | undefined;
  /** Undefined where the bytes lie in no file. */
  locationOf(name: string): WeightLocation | undefined;
  /** The bytes of one tensor, in its own type. */
  read(name: string): Promise<Uint8Array>;
}
