import { CacheQuantError, type ErrorDetails } from '@cachequant/tensor';
import type { Limits } from '../limits.js';

/** What every step of the conversion from messages needs to know. */
export interface Context {
  /** The file, for messages. */
  readonly name: string;
  readonly limits: Limits;
}

export function refuse(context: Context, what: string, summary: string, details: ErrorDetails = {}): never {
  throw new CacheQuantError('onnx-format', summary, { where: `${context.name}: ${what}`, ...details });
}

/** A number of the file as a JavaScript number. */
export function toNumber(context: Context, what: string, value: bigint | undefined): number {
  const number = Number(value ?? 0n);
  if (!Number.isSafeInteger(number)) refuse(context, what, 'a number is out of range', { got: `${value}` });
  return number;
}
