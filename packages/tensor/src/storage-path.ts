import { CacheQuantError } from './errors.js';

/**
 * Checks a path of a storage's own form: relative, `/` between folders, nothing that leaves the root.
 *
 * @returns the path
 * @throws CacheQuantError `storage`
 */
export function checkStoragePath(path: string): string {
  const clean = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  // A backslash or a drive letter would leave the root on Windows.
  if (clean && !/[\\\0]|^[A-Za-z]:/.test(path)) return path;
  throw new CacheQuantError('storage', 'this is not a path inside the storage', {
    where: 'path',
    expected: 'a relative path such as models/unet/model.onnx, without `..`, `\\` or a drive',
    got: JSON.stringify(path),
  });
}

/**
 * The range to read of a file: the whole file when none was asked for.
 *
 * @throws CacheQuantError `storage` when the file does not hold it
 */
export function checkStorageRange(
  path: string,
  size: number,
  range: { offset: number; length: number } = { offset: 0, length: size },
): { offset: number; length: number } {
  const { offset, length } = range;
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (whole && offset + length <= size) return range;
  throw new CacheQuantError('storage', 'the file does not hold the range', {
    where: `read ${path}`,
    expected: `offset and length within ${size} bytes`,
    got: `offset ${offset}, length ${length}`,
    hint: 'The file may have been cut off: compare its size with what it should be',
  });
}

/** A prefix as `Storage.list` takes it, without a slash at its end; '' means everything. */
export function checkStoragePrefix(prefix: string): string {
  const folder = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return folder === '' ? '' : checkStoragePath(folder);
}
