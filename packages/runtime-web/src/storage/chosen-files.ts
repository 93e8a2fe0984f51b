import type { Storage } from '@cachequant/tensor';
import { blobStorage } from './blob-storage.js';
import { browserStorageError } from './browser-storage-error.js';

/** The files of an `<input type="file" webkitdirectory>`, or of one that takes several files. */
export function filesStorage(files: Iterable<File>): Storage {
  return blobStorage(new Map([...files].map((file) => [file.webkitRelativePath || file.name, file])));
}

/**
 * A folder that the visitor opened with `showDirectoryPicker`.
 *
 * @throws CacheQuantError `storage` when it may not be read
 */
export async function directoryStorage(folder: FileSystemDirectoryHandle): Promise<Storage> {
  const files = new Map<string, Blob>();
  try {
    await walk(folder, '', files);
  } catch (error) {
    throw browserStorageError(error, 'open', folder.name);
  }
  return blobStorage(files);
}

async function walk(
  folder: FileSystemDirectoryHandle,
  prefix: string,
  files: Map<string, Blob>,
): Promise<void> {
  for await (const [name, handle] of folder.entries()) {
    const path = `${prefix}${name}`;
    if (isFile(handle)) files.set(path, await handle.getFile());
    else await walk(handle as FileSystemDirectoryHandle, `${path}/`, files);
  }
}

const isFile = (handle: FileSystemHandle): handle is FileSystemFileHandle => handle.kind === 'file';

/**
 * What was dropped on the page: a folder, or files. To be called while the `drop` event is handled, without an
 * `await` before it, since the browser empties the list afterwards.
 *
 * @throws CacheQuantError `storage` when something cannot be read
 */
export async function droppedStorage(items: Iterable<DataTransferItem>): Promise<Storage> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = new Map<string, Blob>();
  try {
    for (const entry of entries) await collect(entry, files);
  } catch (error) {
    throw browserStorageError(error, 'open', entries[0]?.name ?? 'what was dropped');
  }
  return blobStorage(files);
}

async function collect(entry: FileSystemEntry, files: Map<string, Blob>): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    files.set(entry.fullPath.replace(/^\//, ''), file);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives a hundred entries at a time, then none.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const child of some) await collect(child, files);
  }
}
