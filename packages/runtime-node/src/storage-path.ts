import { CacheQuantError, checkStoragePath } from '@cachequant/tensor';
import { isReserved } from './temporary-name.js';

/**
 * Checks a path, and that it is not the name of an unfinished file or of a lock.
 *
 * @throws CacheQuantError `storage`
 */
export function checkPath(path: string): string {
  if (!checkStoragePath(path).split('/').some(isReserved)) return path;
  throw new CacheQuantError('storage', 'names of this form are kept for unfinished files and locks', {
    where: 'path',
    got: JSON.stringify(path),
    hint: 'Choose another name',
  });
}
