import { type Storage, throwIfAborted } from '@cachequant/tensor';
import type { DataOf } from '../convert/data-of.js';
import { byteLengthOfData, shapeConstants } from '../edit/shape-constants.js';
import { STRING_TYPE } from '../element-types.js';
import type { OnnxModel, Weight, WeightData } from '../model.js';
import { concatBytes } from '../proto/decode.js';
import type { Piece } from '../proto/writer.js';
import { modelPieces } from './encode-model.js';
import { chunksOf, type WeightFile } from './weight-file.js';

/** Where large initializers go, and a signal that stops the writing. */
export interface WriteOptions {
  /** Takes the graph's large initializers. The caller commits it, after all models that share it. */
  readonly weightFile?: WeightFile;
  /**
   * Bytes; initializers that are longer go into the weight file, but for those that decide shapes (Reshape's targets,
   * Split's sizes, …): ONNX Runtime reads these before it opens external data.
   */
  readonly externalAbove?: number;
  readonly signal?: AbortSignal;
}

/**
 * Writes a model, atomically and without loading its weights. Without a weight file they are written into the model.
 * The model itself stays as it is.
 * @throws CacheQuantError `unsupported` when one file would exceed 2 GiB, `storage`, `aborted`
 */
export async function writeModel(
  storage: Storage,
  path: string,
  model: OnnxModel,
  options: WriteOptions = {},
): Promise<void> {
  const dataOf = await moveWeights(model, options);
  const pieces = modelPieces(model, dataOf, path);
  const writer = await storage.create(path);
  try {
    for await (const chunk of chunksOfPieces(pieces)) {
      throwIfAborted(options.signal);
      await writer.write(chunk);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

const JOINED_BYTES = 256 * 1024;

/** Only the outer graph's initializers: runtimes do not load external data reliably anywhere else. */
async function moveWeights(
  model: OnnxModel,
  { weightFile, externalAbove = 1024, signal }: WriteOptions,
): Promise<DataOf> {
  const moved = new Map<Weight, WeightData>();
  const inline = weightFile === undefined ? undefined : shapeConstants(model.graph);
  for (const [name, weight] of inline === undefined ? [] : model.graph.initializers) {
    throwIfAborted(signal);
    const { data, elementType } = weight;
    if (data.kind === 'external' || elementType === STRING_TYPE || inline!.has(name)) continue;
    if (byteLengthOfData(data) > externalAbove) moved.set(weight, await weightFile!.add(weight));
  }
  return (weight) => moved.get(weight) ?? weight.data;
}

/** Small pieces are put together, and what lies in files is read a chunk at a time. */
async function* chunksOfPieces(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  for (const piece of pieces) {
    if (piece instanceof Uint8Array && piece.byteLength < JOINED_BYTES) {
      small.push(piece);
      smallBytes += piece.byteLength;
      if (smallBytes < JOINED_BYTES) continue;
    }
    if (smallBytes > 0) yield concatBytes(small);
    [small, smallBytes] = [[], 0];
    if (!(piece instanceof Uint8Array)) yield* chunksOf(piece.source, piece.offset, piece.length);
    else if (piece.byteLength >= JOINED_BYTES) yield piece;
  }
  if (smallBytes > 0) yield concatBytes(small);
}
