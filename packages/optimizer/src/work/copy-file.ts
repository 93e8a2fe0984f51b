import type { Storage } from '@cachequant/tensor';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Copies a file between storages, a piece at a time. */
export async function copyFile(from: Storage, path: string, to: Storage, target: string): Promise<void> {
  const size = (await from.stat(path))?.size ?? 0;
  const writer = await to.create(target);
  try {
    for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
      await writer.write(await from.read(path, { offset, length: Math.min(CHUNK_BYTES, size - offset) }));
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
