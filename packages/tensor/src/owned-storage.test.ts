import { describe, expect, it } from 'vitest';
import { memoryStorage, ownedStorage, writeFile } from './index.js';

describe('ownedStorage(storage, journal)', () => {
  it('removes what was written through it, in this run and in earlier ones, and nothing else', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'thesis.txt', 'years of work');
    const first = await ownedStorage(storage, 'written');
    await writeFile(first, 'stages/one', '1');
    await writeFile(storage, 'stages/notes.txt', 'of a person');
    const second = await ownedStorage(storage, 'written');
    await Promise.all(['a', 'b', 'c'].map((path) => writeFile(second, path, path)));
    expect(await second.list()).toEqual(['a', 'b', 'c', 'stages/notes.txt', 'stages/one', 'thesis.txt']);
    expect(await second.empty()).toEqual(['stages/notes.txt', 'thesis.txt']);
    expect(await storage.list()).toEqual(['stages/notes.txt', 'thesis.txt', 'written']);
  });

  it('has a file on its list before it is there, so that a killed run leaves none behind', async () => {
    const storage = memoryStorage();
    const killed = await ownedStorage(storage, 'written');
    const writer = await killed.create('half');
    await writer.write(Uint8Array.of(1));
    const after = await ownedStorage(storage, 'written');
    await writer.commit();
    expect(await after.empty()).toEqual([]);
    expect(await storage.list()).toEqual(['written']);
  });

  it('takes over files that are given to it, and leaves a folder that has the name of a file', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'old', 'x');
    await writeFile(storage, 'folder/x', 'of a person');
    const owned = await ownedStorage(storage, 'written');
    await owned.adopt(['old', 'folder', 'gone']);
    expect(await owned.empty()).toEqual(['folder/x']);
  });

  it('goes on when a file cannot be removed, and says so', async () => {
    const storage = memoryStorage();
    const linked = {
      ...storage,
      remove: (path: string) => (path.startsWith('link/') ? storage.remove('../link') : storage.remove(path)),
    };
    const owned = await ownedStorage(linked, 'written');
    for (const path of ['link/x', 'y']) await writeFile(owned, path, path);
    expect(await owned.empty()).toEqual(['link/x']);
  });

  it('takes a damaged list for what it still says', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'x', 'x');
    await writeFile(storage, 'y', 'y');
    await writeFile(storage, 'written', '"x"\n{\n"../y"\n17\n"y');
    expect(await (await ownedStorage(storage, 'written')).empty()).toEqual(['y']);
  });
});
