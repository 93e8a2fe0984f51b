import { CacheQuantError } from '@cachequant/tensor';

const ADVICE: Readonly<Record<string, readonly [summary: string, hint: string]>> = {
  ENOENT: ['no such file', 'Check the path'],
  ENOTDIR: ['a folder of the path is a file', 'Check the path'],
  EISDIR: ['this is a folder', 'Name a file in it'],
  EACCES: ['access denied', 'Give this user the right to read and write there, or choose another folder'],
  EPERM: ['access denied', 'Give this user the right to read and write there, or choose another folder'],
  EROFS: ['the file system is read-only', 'Choose a folder that can be written'],
  ENOSPC: [
    'no space left on the disk',
    'Free some space or choose a folder on another disk; nothing was changed',
  ],
  EDQUOT: [
    'the disk quota is used up',
    'Free some space or choose a folder on another disk; nothing was changed',
  ],
  EMFILE: ['too many open files', 'Close files, or raise the limit (ulimit -n)'],
};

/** Turns an error of the file system into one that says what to do. */
export function storageError(error: unknown, where: string, path: string): CacheQuantError {
  if (CacheQuantError.is(error)) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const [summary, hint] = ADVICE[code ?? ''] ?? ['the file system refused', 'See the cause of this error'];
  return new CacheQuantError('storage', summary, {
    where: `${where} ${path}`,
    ...(code === undefined ? {} : { got: code }),
    hint,
    cause: error,
  });
}
