import { CacheQuantError } from '@cachequant/tensor';

const ADVICE: Readonly<Record<string, readonly [summary: string, hint: string]>> = {
  NotFoundError: ['no such file', 'Check the path'],
  TypeMismatchError: ['a file and a folder are confused', 'Check the path'],
  QuotaExceededError: [
    'the browser gives no more space',
    'Delete stored models, or free space on the disk; nothing was changed',
  ],
  NotAllowedError: ['access denied', 'Allow the page to read this folder, or choose it again'],
  NotReadableError: ['the file was changed or removed since it was chosen', 'Choose the folder again'],
  SecurityError: ['the page may not store files', 'Private windows and sandboxed frames have no storage'],
  NoModificationAllowedError: ['the file is in use', 'Close other tabs of this page'],
};

/** Turns an error of the browser's storage into one that says what to do. */
export function browserStorageError(error: unknown, where: string, path: string): CacheQuantError {
  if (CacheQuantError.is(error)) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const [summary, hint] = ADVICE[name] ?? ['the browser refused', 'See the cause of this error'];
  const got = name === '' ? String(error) : name;
  return new CacheQuantError('storage', summary, { where: `${where} ${path}`, got, hint, cause: error });
}

/** Whether a storage had no room; its writer has then been aborted. */
export function isQuotaError(error: unknown): boolean {
  return CacheQuantError.is(error) && error.code === 'storage' && error.got === 'QuotaExceededError';
}

export function missingFile(where: string, path: string): CacheQuantError {
  return new CacheQuantError('storage', 'no such file', {
    where: `${where} ${path}`,
    hint: 'Check the path',
  });
}

/** For storages that show what is elsewhere. */
export function readOnly(where: string, path: string): CacheQuantError {
  return new CacheQuantError('storage', 'this storage can only be read', {
    where: `${where} ${path}`,
    hint: 'Write to opfsStorage or memoryStorage',
  });
}
