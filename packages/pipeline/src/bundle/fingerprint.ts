import type { Storage } from '@cachequant/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Files up to this size are read whole where the browser's own code can hash them, which takes no pieces. */
const WHOLE_BYTES = 256 * 1024 * 1024;

/**
 * SHA-256 of a file, in hexadecimal: by the storage's own code, else by Web Crypto, else a few megabytes at a time in
 * JavaScript, which is slower by more than ten times.
 */
export async function hashFile(storage: Storage, path: string): Promise<string> {
  if (storage.hash) return storage.hash(path);
  const size = (await storage.stat(path))?.size ?? 0;
  const subtle = globalThis.crypto?.subtle;
  if (subtle && size <= WHOLE_BYTES) {
    const bytes = (await storage.read(path)) as Uint8Array<ArrayBuffer>;
    return bytesToHex(new Uint8Array(await subtle.digest('SHA-256', bytes)));
  }
  const hash = sha256.create();
  for (let offset = 0; offset < size; offset += CHUNK_BYTES) {
    hash.update(await storage.read(path, { offset, length: Math.min(CHUNK_BYTES, size - offset) }));
  }
  return bytesToHex(hash.digest());
}

/** SHA-256 of a text, in hexadecimal. */
export function hashText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}
