import { CacheQuantError, parseJson, readText, type Storage, writeFile } from '@cachequant/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const ARRAY_TYPES = {
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
} as const;

type ArrayType = keyof typeof ARRAY_TYPES;
type AnyArray = InstanceType<(typeof ARRAY_TYPES)[ArrayType]>;

interface ArrayReference {
  readonly $array: ArrayType;
  readonly offset: number;
  readonly length: number;
}

/** NaN and the infinities, which JSON has no words for. */
interface NumberReference {
  readonly $number: string;
}

interface Structure {
  /** Of the arrays' file. */
  readonly sha256: string;
  readonly value: unknown;
}

/**
 * Saves a plain object with typed arrays anywhere inside it: `<path>.json` for the structure, `<path>.bin`
 * for the arrays. The JSON is written last, so an artifact is there when its JSON is.
 */
export async function saveArtifact(storage: Storage, path: string, saved: unknown): Promise<void> {
  const arrays: AnyArray[] = [];
  let offset = 0;
  const value: unknown = JSON.stringify(saved, (_key, item: unknown) => {
    if (typeof item === 'number' && !Number.isFinite(item)) return { $number: String(item) };
    if (!ArrayBuffer.isView(item)) return item;
    const array = requireKnown(item, path);
    const reference = { $array: array.constructor.name, offset, length: array.length };
    arrays.push(array);
    offset += Math.ceil(array.byteLength / 8) * 8;
    return reference;
  });
  await storage.remove(`${path}.json`);
  const digest = await writeArrays(storage, `${path}.bin`, arrays);
  await writeFile(storage, `${path}.json`, `{"sha256":"${digest}","value":${value}}`);
}

/** @returns the SHA-256 of what was written */
async function writeArrays(storage: Storage, path: string, arrays: readonly AnyArray[]): Promise<string> {
  const hash = sha256.create();
  const writer = await storage.create(path);
  try {
    for (const array of arrays) {
      const content = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (const part of [content, new Uint8Array((8 - (content.byteLength % 8)) % 8)]) {
        hash.update(part);
        await writer.write(part);
      }
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return bytesToHex(hash.digest());
}

/**
 * Reads a stored result back; undefined where there is none.
 * @returns what `saveArtifact` saved, or undefined when it is not there
 * @throws CacheQuantError `storage` when it was damaged since
 */
export async function loadArtifact<T>(storage: Storage, path: string): Promise<T | undefined> {
  if (!(await storage.stat(`${path}.json`)) || !(await storage.stat(`${path}.bin`))) return undefined;
  const bytes = await storage.read(`${path}.bin`);
  const buffer = bytes.slice().buffer;
  const text = await readText(storage, `${path}.json`);
  const structure = parseStructure(text, buffer, `${path}.json`);
  if (structure.sha256 !== bytesToHex(sha256(bytes))) throw damaged(`${path}.bin`);
  return structure.value as T;
}

function parseStructure(text: string, buffer: ArrayBuffer, where: string): Structure {
  try {
    return parseJson(text, where, (_key, item: unknown) => {
      if (has(item, '$number')) return Number((item as NumberReference).$number);
      return has(item, '$array') ? restore(item as ArrayReference, buffer) : item;
    }) as Structure;
  } catch (cause) {
    throw damaged(where, cause);
  }
}

function has(item: unknown, key: string): boolean {
  return typeof item === 'object' && item !== null && Object.hasOwn(item, key);
}

function restore({ $array, offset, length }: ArrayReference, buffer: ArrayBuffer): AnyArray {
  if (!Object.hasOwn(ARRAY_TYPES, $array)) throw new TypeError(`there is no array ${String($array)}`);
  return new ARRAY_TYPES[$array](buffer, offset, length);
}

function requireKnown(item: ArrayBufferView, where: string): AnyArray {
  if (Object.hasOwn(ARRAY_TYPES, item.constructor.name)) return item as AnyArray;
  throw new CacheQuantError('internal', 'there is no way to save this array', {
    where,
    expected: Object.keys(ARRAY_TYPES).join(', '),
    got: item.constructor.name,
  });
}

function damaged(where: string, cause?: unknown): CacheQuantError {
  return new CacheQuantError('storage', 'an intermediate result is damaged', {
    where,
    hint: 'Remove the work folder and start again.',
    cause,
  });
}
