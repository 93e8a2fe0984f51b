import { plainBytes } from '@cachequant/tensor';
import { checkModel } from '../analyze/check-model.js';
import type { Context } from '../convert/context.js';
import { modelFromProto } from '../convert/model.js';
import { DEFAULT_LIMITS, type Limits } from '../limits.js';
import type { OnnxModel } from '../model.js';
import { decode } from '../proto/decode.js';
import { MODEL } from '../proto/messages.js';
import { ProtoReader, type SparseFile } from '../proto/reader.js';

/** The model's name in errors, and bounds that replace {@link DEFAULT_LIMITS}. */
export interface ParseOptions {
  /** For messages. */
  readonly name?: string;
  readonly limits?: Partial<Limits>;
}

/**
 * Reads a model that lies in memory; its weights are views of these bytes. External data stays `external`: use
 * `readModel` for models that have it.
 * @throws CacheQuantError `onnx-format`
 */
export function parseModel(bytes: Uint8Array, options: ParseOptions = {}): OnnxModel {
  const file = { name: options.name ?? 'model', bytes: plainBytes(bytes), gaps: [] };
  return parseFile(file, { ...DEFAULT_LIMITS, ...options.limits });
}

export function parseFile(file: SparseFile, limits: Limits): OnnxModel {
  const context: Context = { name: file.name, limits };
  const reader = new ProtoReader(file, limits);
  const model = modelFromProto(decode(MODEL, reader, reader.end), context);
  checkModel(model, file.name);
  return model;
}
