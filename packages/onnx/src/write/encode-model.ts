import { CacheQuantError } from '@cachequant/tensor';
import type { DataOf } from '../convert/data-of.js';
import { modelToProto } from '../convert/model.js';
import type { OnnxModel } from '../model.js';
import { encode, joinPieces } from '../proto/encode.js';
import { MODEL } from '../proto/messages.js';
import type { Piece } from '../proto/writer.js';

/** Protobuf's own limit; no runtime opens a larger file. */
const LARGEST_FILE = 2 ** 31 - 1;

/**
 * Serializes a model whose weights lie in memory or in external data.
 * @throws CacheQuantError `invalid-argument` when a weight lies in a file (use `writeModel`), `unsupported` above 2 GiB
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  return joinPieces(
    modelPieces(model, (weight) => weight.data, 'encodeModel'),
    'encodeModel',
  );
}

/** The file as pieces, with weights that lie in files still to be read. */
export function modelPieces(model: OnnxModel, dataOf: DataOf, where: string): readonly Piece[] {
  const writer = encode(MODEL, modelToProto(model, dataOf));
  if (writer.length <= LARGEST_FILE) return writer.finish();
  throw new CacheQuantError('unsupported', 'the model is too large for one file', {
    where,
    expected: 'at most 2 GiB',
    got: `${writer.length} bytes`,
    hint: 'Give writeModel a weight file, so that the weights become external data',
  });
}
