import { CacheQuantError } from '@cachequant/tensor';
import { isTemporary } from './temporary-name.js';

/**
 * Checks a path of the storage's own form: relative, `/` between folders, nothing that leaves the root.
 *
 * @throws CacheQuantError `storage`
 */
export function checkPath(path: string): string {
  const parts = path.split('/');
  const clean = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !isTemporary(part));
  // A backslash or a drive letter would leave the root on Windows.
  if (clean && !/[\\\0]|^[A-Za-z]:/.test(path)) return path;
  throw new CacheQuantError('storage', 'this is not a path inside the storage', {
    where: 'path',
    expected: 'a relative path such as models/unet/model.onnx, without `..`, `\\` or a drive',
    got: JSON.stringify(path),
  });
}
