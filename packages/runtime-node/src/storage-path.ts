import { CacheQuantError, checkStoragePath } from '@cachequant/tensor';
import { isTemporary } from './temporary-name.js';

/**
 * Checks a path, and that it is not the name of an unfinished file.
 *
 * @throws CacheQuantError `storage`
 */
export function checkPath(path: string): string {
  if (!checkStoragePath(path).split('/').some(isTemporary)) return path;
  throw new CacheQuantError('storage', 'names of this form are kept for unfinished files', {
    where: 'path',
    got: JSON.stringify(path),
    hint: 'Choose another name',
  });
}
