import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';

const objectSchema = z.record(z.string(), z.unknown());

/**
 * A configuration of a model or of one of its parts; undefined where there is no such file.
 * @throws CacheQuantError `invalid-argument` for a file with something else than a JSON object
 */
export async function readConfig(
  storage: Storage,
  path: string,
): Promise<Record<string, unknown> | undefined> {
  if ((await storage.stat(path)) === undefined) return undefined;
  const where = storage.locate?.(path) ?? path;
  const parsed = objectSchema.safeParse(parseJson(await readText(storage, path), where));
  if (parsed.success) return parsed.data;
  throw new CacheQuantError('invalid-argument', 'the configuration is not a JSON object', { where });
}
