import type { FastifyReply } from 'fastify';
import { ApiError, CLIENT_GONE } from '../faults/api-error.js';

/** Aborts when the client goes away before it has its answer. */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const gone = new ApiError(CLIENT_GONE, 'The client went away.', { code: 'client_gone' });
  raw.on('close', () => {
    if (!raw.writableFinished) controller.abort(gone);
  });
  return controller.signal;
}
