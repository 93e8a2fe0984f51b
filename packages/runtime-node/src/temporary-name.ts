import { randomUUID } from 'node:crypto';

const ENDING = '.cachequant-partial';

/** Ends the name of a file that is there only to be locked. */
export const LOCK_ENDING = '.cachequant-lock';

/** An hour without a write: whoever wrote it is gone. */
const ABANDONED_AFTER_MS = 3_600_000;

/** A name, beside the file's own, for what is not complete yet. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}${ENDING}`;
}

export function isTemporary(name: string): boolean {
  return name.endsWith(ENDING);
}

/** Whether a name is that of no file of a storage: unfinished, or a lock. */
export function isReserved(name: string): boolean {
  return isTemporary(name) || name.endsWith(LOCK_ENDING);
}

export function isAbandoned(file: { mtimeMs: number }, nowMs: number): boolean {
  return nowMs - file.mtimeMs > ABANDONED_AFTER_MS;
}
