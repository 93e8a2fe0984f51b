import { type Storage, throwIfAborted } from '@cachequant/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

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

/** SHA-256 of a text, in hexadecimal. */
export function hashText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** Parts of a model folder that pictures depend on, beside the denoiser. */
const OTHER_PARTS = ['model_index.json', 'scheduler', 'text_encoder', 'tokenizer', 'vae_decoder'];

/** Path and hash of every file of a model that the results depend on. */
export async function hashModel(storage: Storage, modelPath: string, signal?: AbortSignal): Promise<string> {
  const folder = modelPath.slice(0, modelPath.lastIndexOf('/') + 1);
  const paths = new Set(await storage.list(folder));
  for (const part of OTHER_PARTS) for (const path of await storage.list(part)) paths.add(path);
  const hashes: string[] = [];
  for (const path of [...paths].sort()) {
    throwIfAborted(signal);
    hashes.push(`${path}:${await hashFile(storage, path)}`);
  }
  return hashText(hashes.join('\n'));
}
