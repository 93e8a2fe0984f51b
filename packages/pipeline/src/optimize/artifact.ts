import { CacheQuantError, readText, type Storage, writeFile } from '@cachequant/tensor';

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

/**
 * Saves a plain object with typed arrays anywhere inside it: `<path>.json` for the structure, `<path>.bin`
 * for the arrays. The JSON is written last, so an artifact is there when its JSON is.
 */
export async function saveArtifact(storage: Storage, path: string, value: unknown): Promise<void> {
  const arrays: AnyArray[] = [];
  let offset = 0;
  const structure = JSON.stringify(value, (_key, item: unknown) => {
    if (!ArrayBuffer.isView(item)) return item;
    const array = item as AnyArray;
    const reference = { $array: array.constructor.name, offset, length: array.length };
    arrays.push(array);
    offset += Math.ceil(array.byteLength / 8) * 8;
    return reference;
  });
  const writer = await storage.create(`${path}.bin`);
  try {
    for (const array of arrays) {
      await writer.write(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      await writer.write(new Uint8Array((8 - (array.byteLength % 8)) % 8));
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writeFile(storage, `${path}.json`, structure);
}

/** @returns what `saveArtifact` saved, or undefined when it is not there */
export async function loadArtifact<T>(storage: Storage, path: string): Promise<T | undefined> {
  if (!(await storage.stat(`${path}.json`)) || !(await storage.stat(`${path}.bin`))) return undefined;
  const bytes = await storage.read(`${path}.bin`);
  const buffer = bytes.slice().buffer;
  return JSON.parse(await readText(storage, `${path}.json`), (_key, item: unknown) =>
    isReference(item) ? restore(item, buffer, path) : item,
  ) as T;
}

function isReference(item: unknown): item is ArrayReference {
  return typeof item === 'object' && item !== null && '$array' in item;
}

function restore(reference: ArrayReference, buffer: ArrayBuffer, path: string): AnyArray {
  const type = ARRAY_TYPES[reference.$array];
  if (!type || reference.offset + reference.length * type.BYTES_PER_ELEMENT > buffer.byteLength) {
    throw new CacheQuantError('storage', 'an intermediate result is damaged', {
      where: `${path}.bin`,
      hint: 'Remove the work folder and start again.',
    });
  }
  return new type(buffer, reference.offset, reference.length);
}
