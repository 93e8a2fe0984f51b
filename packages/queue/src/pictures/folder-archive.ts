import { CacheQuantError, type Storage, writeFile } from '@cachequant/tensor';
import { archivePath, type PictureArchive } from './picture-archive.js';

/** Keeps pictures in a folder, which may be shared by machines over a network. */
export function folderArchive(storage: Storage): PictureArchive {
  const has = async (key: string) => (await storage.stat(archivePath(key))) !== undefined;
  return {
    has,
    async get(key) {
      try {
        return await storage.read(archivePath(key));
      } catch (error) {
        if (CacheQuantError.is(error) && !(await has(key))) return undefined;
        throw error;
      }
    },
    put: (key, file) => writeFile(storage, archivePath(key), file),
    dispose() {},
  };
}
