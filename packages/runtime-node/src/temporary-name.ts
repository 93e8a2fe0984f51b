import { randomUUID } from 'node:crypto';

const ENDING = '.cachequant-partial';

/** An hour without a write: whoever wrote it is gone. */
const ABANDONED_AFTER_MS = 3_600_000;

/** A name, beside the file's own, for what is not complete yet. */
export function temporaryName(path: string): string {
  return `${path}.${randomUUID()}${ENDING}`;
}

export function isTemporary(name: string): boolean {
  return name.endsWith(ENDING);
}

export function isAbandoned(file: { mtimeMs: number }, nowMs: number): boolean {
  return nowMs - file.mtimeMs > ABANDONED_AFTER_MS;
}
