import { readText } from '@cachequant/tensor';
import { expect, test } from 'vitest';
import { droppedStorage } from './chosen-files.js';

/** What browsers give for a dropped file; they show it once, while the event is handled. */
function fileEntry(fullPath: string, content: string): FileSystemEntry {
  return {
    isFile: true,
    isDirectory: false,
    name: fullPath.split('/').at(-1),
    fullPath,
    file: (resolve: (file: File) => void) => resolve(new File([content], fullPath.split('/').at(-1)!)),
  } as unknown as FileSystemEntry;
}

/** A folder, whose reader gives two entries at a time, then none. */
function folderEntry(fullPath: string, children: readonly FileSystemEntry[]): FileSystemEntry {
  const createReader = () => {
    const left = [...children];
    return { readEntries: (resolve: (some: FileSystemEntry[]) => void) => resolve(left.splice(0, 2)) };
  };
  const name = fullPath.split('/').at(-1);
  return { isFile: false, isDirectory: true, name, fullPath, createReader } as unknown as FileSystemEntry;
}

const item = (entry: FileSystemEntry | null) => ({ webkitGetAsEntry: () => entry }) as DataTransferItem;

test('droppedStorage of a folder takes its name away and reads all of it, however many entries there are', async () => {
  const parts = ['a', 'b', 'c', 'd', 'e'].map((name) => fileEntry(`/bundle/denoiser/${name}`, name));
  const bundle = folderEntry('/bundle', [
    fileEntry('/bundle/cachequant.json', '{}'),
    folderEntry('/bundle/denoiser', parts),
  ]);
  const storage = await droppedStorage([item(bundle)]);
  expect(await storage.list()).toEqual([
    'cachequant.json',
    ...['a', 'b', 'c', 'd', 'e'].map((name) => `denoiser/${name}`),
  ]);
  expect(await readText(storage, 'denoiser/e')).toBe('e');
});

test('droppedStorage of single files keeps their names, and passes over what is no file', async () => {
  const storage = await droppedStorage([
    item(fileEntry('/a.json', '1')),
    item(null),
    item(fileEntry('/b.bin', '22')),
  ]);
  expect(await storage.list()).toEqual(['a.json', 'b.bin']);
  expect(await storage.stat('b.bin')).toEqual({ size: 2 });
});

test('droppedStorage takes the entries before it waits, since the browser empties the list', async () => {
  const items = [item(fileEntry('/a', '1')), item(fileEntry('/b', '2'))];
  const opening = droppedStorage(items);
  items.length = 0;
  expect(await (await opening).list()).toEqual(['a', 'b']);
});

test('droppedStorage of a file that cannot be read says which', async () => {
  const broken = {
    ...fileEntry('/secret', ''),
    file: (_: unknown, reject: (error: Error) => void) => reject(new DOMException('no', 'NotReadableError')),
  };
  const opening = droppedStorage([item(broken as unknown as FileSystemEntry)]);
  await expect(opening).rejects.toMatchObject({ code: 'storage' });
  await expect(opening).rejects.toThrow(/secret/);
});
