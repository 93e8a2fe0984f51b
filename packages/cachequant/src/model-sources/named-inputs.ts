import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readModel } from '@cachequant/onnx';
import type { InputOrigin } from '@cachequant/pipeline';
import { CacheQuantError, type Storage } from '@cachequant/tensor';

/** What people call the two inputs that sampling feeds. */
const ROLES: Readonly<Record<string, 'sample' | 'time'>> = {
  sample: 'sample',
  x: 'sample',
  time: 'time',
  timestep: 'time',
  t: 'time',
  sigma: 'time',
};

/** The graph that is spoken of. */
export interface NamedGraph {
  readonly storage: Storage;
  readonly graph: string;
  /** Arrays are looked for from here. */
  readonly cwd: string;
}

/**
 * Reads `--input`: `sample=x` and `time=sigma` say which input of the graph is which, `cond=feeds.npy` and `scale=7.5`
 * what an input takes, `label=class:1000` and `w=guidance` which part of a request.
 * @returns by the graph's inputs
 * @throws CacheQuantError `invalid-argument` for a name that the graph has not, `storage` for a file that is not there
 */
export async function namedInputs(
  texts: readonly string[],
  { storage, graph, cwd }: NamedGraph,
): Promise<Record<string, InputOrigin>> {
  if (texts.length === 0) return {};
  const { inputs, initializers } = (await readModel(storage, graph)).graph;
  const names = inputs.map(({ name }) => name).filter((name) => !initializers.has(name));
  const origins: Record<string, InputOrigin> = {};
  for (const text of texts) {
    const [name, origin] = await originOf(text, names, cwd);
    if (Object.hasOwn(origins, name)) throw wrong(text, `${name} is named twice`, 'each input once');
    origins[name] = origin;
  }
  return origins;
}

async function originOf(
  text: string,
  names: readonly string[],
  cwd: string,
): Promise<readonly [name: string, origin: InputOrigin]> {
  const at = text.indexOf('=');
  const [left, right] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || right === '') throw wrong(text, 'this names no input', 'a form such as sample=x');
  const role = (word: string) => (Object.hasOwn(ROLES, word) ? ROLES[word] : undefined);
  if (role(left) && names.includes(right)) return [right, { from: role(left)! }];
  if (!names.includes(left)) {
    throw wrong(text, `the graph has no input ${role(left) ? right : left}`, names.join(', '));
  }
  if (role(right)) return [left, { from: role(right)! }];
  if (right.endsWith('.npy'))
    return [left, { from: 'array', npy: await readArray(resolve(cwd, right), text) }];
  const [, classes, none] = /^class:(\d+)(?::(\d+))?$/.exec(right) ?? [];
  if (classes !== undefined) {
    if (Number(classes) < 1) throw wrong(text, 'there must be a class', 'for example class:1000');
    return [left, { from: 'class', classes: Number(classes), ...(none && { none: Number(none) }) }];
  }
  if (right === 'guidance' || right === 'width' || right === 'height') return [left, { from: right }];
  const value = Number(right);
  if (Number.isFinite(value)) return [left, { from: 'value', value }];
  throw wrong(
    text,
    'nothing is called so',
    'sample, time, class:<count>, guidance, width, height, a number, or an array in a .npy file',
  );
}

async function readArray(path: string, text: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CacheQuantError('storage', 'the array cannot be read', {
      where: `--input ${text}`,
      got: path,
      cause,
    });
  }
}

function wrong(text: string, message: string, expected: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', message, { where: `--input ${text}`, expected });
}
