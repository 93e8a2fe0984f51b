import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import type { z } from 'zod';

/**
 * Reads a JSON file and checks its form.
 * @param parse left out: `parseJson`
 * @throws CacheQuantError `storage` when the file is missing, `invalid-argument` when it is not JSON or has
 * another form
 */
export async function readJson<S extends z.ZodType>(
  storage: Storage,
  path: string,
  schema: S,
  parse: (text: string, where: string) => unknown = parseJson,
): Promise<z.output<S>> {
  if ((await storage.stat(path)) === undefined) {
    throw new CacheQuantError('storage', 'the file is missing', { where: path });
  }
  const text = await readText(storage, path);
  return checkForm(parse(text, path), schema, path);
}

/** Like `readJson`, but undefined for a file that is not there. */
export async function readOptionalJson<S extends z.ZodType>(
  storage: Storage,
  path: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  return (await storage.stat(path)) === undefined ? undefined : readJson(storage, path, schema);
}

function checkForm<S extends z.ZodType>(value: unknown, schema: S, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.map(String).join('.');
  throw new CacheQuantError('invalid-argument', `${field === '' ? 'the content' : field} is not valid`, {
    where,
    got: issue.message,
    hint: 'Compare it with what `optimum-cli export onnx` writes',
  });
}
