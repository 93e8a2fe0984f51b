import { open } from 'node:fs/promises';
import { checkStorageRange } from '@cachequant/tensor';

/** `fs.read` takes at most 2 GiB at once. */
const MAX_READ = 2 ** 30;

/** Reads a file, or a range of it, into memory of its own. */
export async function readRange(path: string, range?: { offset: number; length: number }) {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const { offset, length } = checkStorageRange(path, size, range);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, MAX_READ), offset + done);
      if (bytesRead === 0) checkStorageRange(path, offset + done, { offset, length });
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
