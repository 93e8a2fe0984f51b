import { checkStoragePath, checkStoragePrefix, checkStorageRange, type Storage } from '@cachequant/tensor';
import { browserStorageError, missingFile, readOnly } from './browser-storage-error.js';

/**
 * Files that the visitor chose, as a storage that can only be read. Their bytes stay where they are until they are
 * read.
 *
 * @param files by path; a folder that all of them are in is left out of the paths
 */
export function blobStorage(files: ReadonlyMap<string, Blob>): Storage {
  const found = withoutCommonFolder(files);
  return {
    async stat(path) {
      const blob = found.get(checkStoragePath(path));
      return blob && { size: blob.size };
    },

    async read(path, range) {
      const blob = found.get(checkStoragePath(path));
      if (blob === undefined) throw missingFile('read', path);
      const { offset, length } = checkStorageRange(path, blob.size, range);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (error) {
        throw browserStorageError(error, 'read', path);
      }
    },

    async create(path) {
      throw readOnly('create', checkStoragePath(path));
    },

    async list(prefix = '') {
      const folder = checkStoragePrefix(prefix);
      return [...found.keys()]
        .filter((path) => folder === '' || path === folder || path.startsWith(`${folder}/`))
        .sort();
    },

    async remove(path) {
      throw readOnly('remove', checkStoragePath(path));
    },

    async lock(path) {
      throw readOnly('lock', checkStoragePath(path));
    },
  };
}

/** A dropped or chosen folder comes with its own name in front of every path. */
function withoutCommonFolder(files: ReadonlyMap<string, Blob>): Map<string, Blob> {
  const paths = [...files.keys()];
  const first = paths[0]?.split('/')[0];
  const shared = paths.every((path) => path.includes('/') && path.split('/')[0] === first);
  if (!shared || first === undefined) return new Map(files);
  return withoutCommonFolder(new Map([...files].map(([path, blob]) => [path.slice(first.length + 1), blob])));
}
