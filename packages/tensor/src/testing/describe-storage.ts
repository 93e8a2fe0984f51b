import { readText, type Storage, writeFile } from '../index.js';
import { failure, type TestApi } from './test-api.js';

/** The tests that every storage must pass; `factory` makes an empty one each time. */
export function describeStorage(
  name: string,
  factory: () => Promise<Storage>,
  { describe, test, expect }: Pick<TestApi, 'describe' | 'test' | 'expect'>,
): void {
  describe(`${name} as a storage`, () => {
    test('read returns what was written in pieces, whole and in ranges', async () => {
      const storage = await factory();
      const writer = await storage.create('a/b/c.bin');
      for (const piece of [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4, 5)])
        await writer.write(piece);
      await writer.commit();
      expect(await storage.read('a/b/c.bin')).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
      expect(await storage.read('a/b/c.bin', { offset: 2, length: 2 })).toEqual(Uint8Array.of(3, 4));
      expect(await storage.read('a/b/c.bin', { offset: 5, length: 0 })).toEqual(new Uint8Array(0));
      expect((await storage.stat('a/b/c.bin'))?.size).toBe(5);
    });

    test('read refuses a missing file and a range that is not in it', async () => {
      const storage = await factory();
      await writeFile(storage, 'x', 'abc');
      await failure(storage.read('y'), 'storage');
      await failure(storage.read('x/y'), 'storage');
      for (const [offset, length] of [
        [0, 4],
        [4, 0],
        [-1, 2],
        [0, -1],
        [0.5, 1],
        [0, Number.NaN],
      ] as const) {
        await failure(storage.read('x', { offset, length }), 'storage');
      }
    });

    test('read returns memory of its own, and write does not keep the chunk', async () => {
      const storage = await factory();
      const chunk = Uint8Array.of(1, 2);
      const writer = await storage.create('x');
      await writer.write(chunk);
      chunk.fill(9);
      await writer.commit();
      (await storage.read('x')).fill(8);
      expect(await storage.read('x')).toEqual(Uint8Array.of(1, 2));
    });

    test('stat returns undefined for what is not a file', async () => {
      const storage = await factory();
      await writeFile(storage, 'folder/x', 'abc');
      expect(await storage.stat('y')).toBe(undefined);
      expect(await storage.stat('folder')).toBe(undefined);
      expect(await storage.stat('folder/x/y')).toBe(undefined);
    });

    test('stat gives another version for other content of the same size, and the same for the same', async () => {
      const storage = await factory();
      await writeFile(storage, 'x', 'abc');
      const before = (await storage.stat('x'))?.version;
      expect((await storage.stat('x'))?.version).toBe(before);
      await writeFile(storage, 'x', 'abd');
      const after = (await storage.stat('x'))?.version;
      expect(after === undefined || after !== before).toBe(true);
    });

    test('hash is the SHA-256 of the whole file, where there is one', async () => {
      const storage = await factory();
      if (!storage.hash) return;
      await writeFile(storage, 'a/x', 'abc');
      await writeFile(storage, 'empty', '');
      expect(await storage.hash('a/x')).toBe(
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      );
      expect(await storage.hash('empty')).toBe(
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      );
      await failure(storage.hash('none'), 'storage');
    });

    test('lock is refused while another holds the name, and given after release; nothing of it is listed', async () => {
      const storage = await factory();
      const lock = await storage.lock('work');
      await failure(storage.lock('work'), 'storage');
      const other = await storage.lock('other/work');
      expect(await storage.list()).toEqual([]);
      await lock.release();
      const again = await storage.lock('work');
      // Whoever had it before cannot take it from the next.
      await lock.release();
      await failure(storage.lock('work'), 'storage');
      await Promise.all([again.release(), other.release()]);
      expect(await storage.list()).toEqual([]);
    });

    test('of many who lock at once, one gets the name', async () => {
      const storage = await factory();
      for (let round = 0; round < 5; round++) {
        const tries = await Promise.allSettled(Array.from({ length: 8 }, () => storage.lock('x')));
        const locks = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
        expect(locks.length).toBe(1);
        await locks[0]!.release();
      }
    });

    test('create shows nothing before commit, and an aborted file never', async () => {
      const storage = await factory();
      await writeFile(storage, 'x', 'old');
      const writer = await storage.create('x');
      const aborted = await storage.create('y');
      await writer.write(Uint8Array.of(1));
      await aborted.write(Uint8Array.of(1));
      expect(await readText(storage, 'x')).toBe('old');
      expect(await storage.list()).toEqual(['x']);
      await writer.commit();
      await aborted.abort();
      await aborted.abort();
      await writer.abort();
      expect(await storage.read('x')).toEqual(Uint8Array.of(1));
      expect(await storage.list()).toEqual(['x']);
    });

    test('create twice at once keeps the files apart; the later commit stays', async () => {
      const storage = await factory();
      const [first, second] = await Promise.all([storage.create('x'), storage.create('x')]);
      await Promise.all([first.write(Uint8Array.of(1, 1)), second.write(Uint8Array.of(2))]);
      await second.commit();
      await first.commit();
      expect(await storage.read('x')).toEqual(Uint8Array.of(1, 1));
    });

    test('write and commit after the end are refused', async () => {
      const storage = await factory();
      const writer = await storage.create('x');
      await writer.commit();
      await failure(writer.write(Uint8Array.of(1)), 'storage');
      await failure(writer.commit(), 'storage');
      expect((await storage.stat('x'))?.size).toBe(0);
    });

    test('list returns all files at or under a prefix, sorted', async () => {
      const storage = await factory();
      for (const path of ['b', 'a/z', 'a/b/c', 'ab', 'A']) await writeFile(storage, path, path);
      expect(await storage.list()).toEqual(['A', 'a/b/c', 'a/z', 'ab', 'b']);
      expect(await storage.list('a')).toEqual(['a/b/c', 'a/z']);
      expect(await storage.list('a/')).toEqual(['a/b/c', 'a/z']);
      expect(await storage.list('b')).toEqual(['b']);
      expect(await storage.list('none')).toEqual([]);
    });

    test('remove takes a file, a folder or nothing', async () => {
      const storage = await factory();
      for (const path of ['a/x', 'a/b/y', 'ab', 'c']) await writeFile(storage, path, path);
      await storage.remove('a');
      await storage.remove('c');
      await storage.remove('none');
      expect(await storage.list()).toEqual(['ab']);
    });

    test('paths that leave the storage are refused by every method', async () => {
      const storage = await factory();
      for (const path of ['', '/x', '../x', 'a/../../x', 'a/..', './x', 'a//b', 'a\\..\\x', 'C:/x', 'a\0b']) {
        await failure(storage.read(path), 'storage');
        await failure(storage.create(path), 'storage');
        await failure(storage.stat(path), 'storage');
        await failure(storage.remove(path), 'storage');
        await failure(storage.lock(path), 'storage');
      }
      await failure(storage.list('../x'), 'storage');
    });
  });
}
