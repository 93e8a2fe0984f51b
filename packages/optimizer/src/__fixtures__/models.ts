import { fileURLToPath } from 'node:url';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';

const MODELS = new URL('../../../../models/', import.meta.url);

/** A folder of the repository's models. */
export function modelStorage(name: string): Storage {
  return nodeStorage(fileURLToPath(new URL(name, MODELS)));
}

/** A copy of a model in memory; files that are given replace the model's, undefined ones are left out. */
export async function modelCopy(
  name: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<Storage> {
  const source = modelStorage(name);
  const copy = memoryStorage();
  for (const path of await source.list()) {
    if (!(path in changes)) await writeFile(copy, path, await source.read(path));
  }
  for (const [path, content] of Object.entries(changes)) {
    if (content !== undefined) await writeFile(copy, path, content);
  }
  return copy;
}
