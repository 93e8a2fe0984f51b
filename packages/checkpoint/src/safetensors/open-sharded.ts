import { CacheQuantError, openSource, parseJson, readText, type Storage } from '@cachequant/tensor';
import { type StoredWeight, StoredWeights } from '../stored-weights.js';
import { duplicateKey } from './duplicate-key.js';
import { openSafetensors, type SafetensorsFile } from './open-safetensors.js';

/**
 * Opens weights that lie in several safetensors files, by the index that says which lies where.
 * The headers of all parts are read.
 *
 * @param prefix of the folder, with `/` at its end, or ''
 * @throws CacheQuantError `checkpoint-format` for an index that is malformed, leaves the folder, or names a weight
 *   that its file does not have; `storage` for a missing part
 */
export async function openSharded(storage: Storage, prefix: string, index: string): Promise<StoredWeights> {
  const places = parseIndex(await readText(storage, `${prefix}${index}`), `${prefix}${index}`);
  const parts = new Map<string, SafetensorsFile>();
  const weights = new Map<string, StoredWeight>();
  for (const [name, file] of Object.entries(places)) {
    const part = parts.get(file) ?? (await openSafetensors(await openSource(storage, `${prefix}${file}`)));
    parts.set(file, part);
    if (!part.has(name)) {
      throw malformed(`${prefix}${index}: weight '${name}'`, 'is not in the file that the index names', file);
    }
    const { source, offset } = part.location(name);
    weights.set(name, { dtype: part.dtypeOf(name), dims: part.shapeOf(name), source, offset });
  }
  return new StoredWeights(weights);
}

function parseIndex(text: string, where: string): Record<string, string> {
  let index: unknown;
  try {
    index = parseJson(text, where);
  } catch (cause) {
    throw malformed(where, 'is not JSON', undefined, cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw malformed(where, 'has a key twice', `'${twice}'`);
  const places = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof places !== 'object' || places === null || Array.isArray(places)) {
    throw malformed(where, 'has no weight_map', text.slice(0, 60));
  }
  for (const [name, file] of Object.entries(places)) {
    if (typeof file !== 'string' || !/^[^/\\]+\.safetensors$/.test(file)) {
      throw malformed(
        `${where}: weight '${name}'`,
        'lies in no .safetensors file of this folder',
        JSON.stringify(file),
      );
    }
  }
  return places as Record<string, string>;
}

function malformed(where: string, summary: string, got?: string, cause?: unknown): CacheQuantError {
  return new CacheQuantError('checkpoint-format', summary, {
    where,
    ...(got === undefined ? {} : { got }),
    hint: 'Fetch the index and its parts again, all of the same revision',
    cause,
  });
}
