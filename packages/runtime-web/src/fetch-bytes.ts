import { CacheQuantError, type LoadOptions } from '@cachequant/tensor';
import { requestFile } from './request-file.js';

/**
 * Fetches a file whole.
 *
 * @returns bytes with a buffer of their own
 * @throws CacheQuantError `storage`, `aborted`
 */
export async function fetchBytes(
  url: string,
  { onProgress, signal }: Pick<LoadOptions, 'onProgress'> & { readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const { chunks, totalBytes } = await requestFile(url, { signal });
  const parts: Uint8Array[] = [];
  let loadedBytes = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    loadedBytes += chunk.byteLength;
    if (totalBytes !== undefined && loadedBytes > totalBytes) {
      throw new CacheQuantError('storage', 'the server sends more than it said', {
        where: url,
        expected: `${totalBytes} bytes`,
        got: 'more',
      });
    }
    onProgress?.({ loadedBytes, totalBytes });
  }
  return concatenate(parts, loadedBytes);
}

/** The parts in one piece of memory. */
export function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
