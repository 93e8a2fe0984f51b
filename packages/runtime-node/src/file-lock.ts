/// <reference path="./fs-native-extensions.d.ts" />
import {
  close,
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { CacheQuantError, lockedError, type StorageLock } from '@cachequant/tensor';
import { LOCK_ENDING } from './temporary-name.js';

type FileLocks = Pick<typeof import('fs-native-extensions'), 'tryLock'>;

/**
 * Takes the lock that the operating system keeps on a file beside a path. It ends with its descriptor, so that neither a
 * killed process nor a number that another process has got since can hold it; nothing has to be renewed while a long
 * computation blocks the event loop.
 *
 * @throws CacheQuantError `storage` when another has it, `unsupported` where there is no binary for the platform
 */
export async function lockFile(path: string): Promise<StorageLock> {
  const place = `${path}${LOCK_ENDING}`;
  await mkdir(dirname(place), { recursive: true });
  const locks = await fileLocks();
  for (;;) {
    const descriptor = openSync(place, 'a+');
    const granted = locks.tryLock(descriptor);
    if (granted && isStillThere(place, descriptor)) return held(place, descriptor);
    const holder = granted ? undefined : readHolder(place);
    closeSync(descriptor);
    // Otherwise whoever had it has removed the file in between.
    if (!granted) throw lockedError(path, holder);
  }
}

/** The descriptor is a plain number, which nothing closes when the lock is forgotten but the end of the process. */
function held(place: string, descriptor: number): StorageLock {
  writeSync(descriptor, `process ${process.pid}, since ${new Date().toISOString()}\n`);
  let released: Promise<void> | undefined;
  return {
    release() {
      released ??= (async () => {
        // Removed while it is held: who opens it from now on makes another one.
        try {
          unlinkSync(place);
        } catch {
          // It stays behind, and nobody has it.
        }
        await promisify(close)(descriptor);
      })();
      return released;
    },
  };
}

function isStillThere(place: string, descriptor: number): boolean {
  const found = statSync(place, { bigint: true, throwIfNoEntry: false });
  const opened = fstatSync(descriptor, { bigint: true });
  return found !== undefined && found.ino === opened.ino && found.dev === opened.dev;
}

/** Windows lets nobody read what is locked. */
function readHolder(place: string): string | undefined {
  try {
    return readFileSync(place, 'utf8').trim().split('\n').at(-1) || undefined;
  } catch {
    return undefined;
  }
}

/** Loaded when it is needed: who only makes pictures does without. */
async function fileLocks(): Promise<FileLocks> {
  try {
    return await import('fs-native-extensions');
  } catch (cause) {
    throw new CacheQuantError('unsupported', 'there are no file locks for this platform', {
      where: `${process.platform} ${process.arch}`,
      expected: 'Linux (glibc), macOS or Windows on x64 or arm64',
      cause,
    });
  }
}
