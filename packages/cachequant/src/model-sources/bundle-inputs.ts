import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isBundle, readManifest } from '@cachequant/pipeline';
import { readInputOrigins, readNpy } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Storage, type Tensor } from '@cachequant/tensor';

/**
 * What `--input` says of a bundle's conditioning inputs, by their names or those that its graph once had: arrays and numbers
 * in place of those it was made with. Which inputs are sample and time a bundle knows itself.
 * @returns undefined for a model folder, and where nothing is said
 * @throws CacheQuantError `invalid-argument` for an input that it has not, or that takes something else
 */
export async function bundleInputs(
  storage: Storage,
  texts: readonly string[] | undefined,
  cwd: string,
): Promise<Record<string, Tensor | number> | undefined> {
  if (texts === undefined || !(await isBundle(storage))) return undefined;
  const { conditioning } = await readManifest(storage);
  const names = Object.keys(conditioning?.inputs ?? {});
  const origins = (await readInputOrigins(storage)) ?? {};
  const sampled = Object.entries(origins).filter(([, { from }]) => from === 'sample' || from === 'time');
  const isSampled = (word: string) => sampled.some(([name, { was }]) => word === was || word === name);
  const inputs: Record<string, Tensor | number> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const [left, right] = [text.slice(0, at), text.slice(at + 1)];
    if (isSampled(left) || isSampled(right)) continue;
    const name = Object.keys(origins).find((each) => origins[each]!.was === left) ?? left;
    const constant = origins[name];
    if (!names.includes(name) && constant?.from === 'value') {
      requireConstant(text, right, constant.value);
      continue;
    }
    if (!names.includes(name))
      throw wrong(text, `the bundle has no input ${left}`, names.join(', ') || 'none');
    const value = await takenFrom(text, right, cwd);
    if (value !== undefined) inputs[name] = value;
  }
  return inputs;
}

/** A number that was written into the graph stays what it is. */
function requireConstant(text: string, given: string, value: number): void {
  if (Number(given) === value) return;
  throw wrong(text, 'this input was fixed when the bundle was made', String(value));
}

/** Undefined for a field of the request, which the bundle takes from it already. */
async function takenFrom(text: string, given: string, cwd: string): Promise<Tensor | number | undefined> {
  if (/^(class:\d+(:\d+)?|guidance|width|height)$/.test(given)) return undefined;
  if (given.endsWith('.npy')) {
    const bytes = await readFile(resolve(cwd, given)).catch((cause: unknown) => {
      throw new CacheQuantError('storage', 'the array cannot be read', { where: `--input ${text}`, cause });
    });
    return readNpy(bytes, given);
  }
  const value = Number(given);
  if (given !== '' && Number.isFinite(value)) return value;
  throw wrong(text, 'nothing is called so', 'a number, or an array in a .npy file');
}

function wrong(text: string, message: string, expected: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', message, { where: `--input ${text}`, expected });
}
