import { readFile } from 'node:fs/promises';
import { CacheQuantError, parseJson } from '@cachequant/tensor';
import type { z } from 'zod';

/** @throws CacheQuantError `storage` when the file cannot be read */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    throw new CacheQuantError(
      'storage',
      code === 'ENOENT' ? 'there is no such file' : 'the file cannot be read',
      {
        where: path,
        ...(code !== undefined && { got: code }),
        hint: 'Check the path',
        cause,
      },
    );
  }
}

/** @throws CacheQuantError `storage` when the file cannot be read, `invalid-argument` for another form */
export async function readJsonFile<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  const parsed = schema.safeParse(parseJson(await readTextFile(path), path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.map(String).join('.');
  throw new CacheQuantError('invalid-argument', issue.message, {
    where: field === '' ? path : `${path}, ${field}`,
  });
}
