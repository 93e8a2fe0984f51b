import { type Logger, pino } from 'pino';
import type { ShelfChange } from './models/model-shelf.js';

/** Lines of JSON, or nothing. */
export function createLog(to: { write(line: string): void } | undefined): Logger {
  return to === undefined
    ? pino({ enabled: false })
    : pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, to);
}

/** Says what was loaded, has left or failed. */
export function logChange(log: Logger, { model, what, heldBytes, error }: ShelfChange): void {
  if (what === 'failed') log.error({ model, heldBytes, err: error }, 'model not loaded');
  else log.info({ model, heldBytes }, what === 'loaded' ? 'model loaded' : 'model left memory');
}
