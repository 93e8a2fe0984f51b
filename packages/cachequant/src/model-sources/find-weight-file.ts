import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CacheQuantError } from '@cachequant/tensor';
import { fetchModel, isModelId } from './hub-model.js';
import type { SourceContext } from './source-context.js';

/** Which option names the file, and what it is to hold; for messages. */
export interface WeightFileRequest extends SourceContext {
  readonly option: string;
  readonly holds: string;
}

/**
 * The path of a file of weights, given as a path or as the id of a model on the Hub that has one such file.
 * @throws CacheQuantError `storage` where there is none
 */
export async function findWeightFile(file: string, request: WeightFileRequest): Promise<string> {
  const path = resolve(request.cwd, file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return path;
  if (found === undefined && isModelId(file)) {
    const { revision: _, ...ofModel } = request;
    const { folder, files } = await fetchModel(file, path, ofModel);
    const weights = files.filter((name) => name.endsWith('.safetensors'));
    if (weights.length === 1) return join(folder, weights[0]!);
  }
  throw new CacheQuantError('storage', found ? 'this is a folder' : 'there is no such file', {
    where: `${request.option} ${file}`,
    expected: `a .safetensors file with ${request.holds}, or the id of one on the Hugging Face Hub`,
    ...(path !== file && { got: path }),
  });
}
