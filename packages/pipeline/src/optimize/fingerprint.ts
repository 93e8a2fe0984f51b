import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Storage } from '@cachequant/tensor';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** SHA-256 of a file, in hexadecimal, read a few megabytes at a time. */
export async function hashFile(storage: Storage, path: string): Promise<string> {
  const size = (await storage.stat(path))?.size ?? 0;
  const hash = sha256.create();
  for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
    hash.update(await storage.read(path, { offset, length: Math.min(CHUNK_BYTES, size - offset) }));
  }
  return bytesToHex(hash.digest());
}

export function hashText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** Size and hash of every file of a model that the denoiser's results depend on. */
export async function hashModel(storage: Storage, modelPath: string): Promise<string> {
  const folder = modelPath.slice(0, modelPath.lastIndexOf('/') + 1);
  const hashes: string[] = [];
  for (const path of await storage.list(folder)) hashes.push(`${path}:${await hashFile(storage, path)}`);
  return hashText(hashes.join('\n'));
}
