import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { ApiError, CLIENT_GONE } from '../faults/api-error.js';
import { toApiError } from '../faults/to-api-error.js';
import type { ServerLimits } from '../limits.js';
import type { ServerMetrics } from '../operations/metrics.js';
import { keyCheck, keyIn, noSuchKey } from './api-keys.js';
import type { OpenAnswers } from './open-answers.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route needs no key. */
    readonly open?: boolean;
    /** Whether it is asked every few seconds, so that only a failure is worth a line in the log. */
    readonly probe?: boolean;
  }
}

export interface AppOptions {
  readonly limits: ServerLimits;
  readonly log: Logger;
  readonly metrics: ServerMetrics;
  /** Without any, everybody is let in. */
  readonly apiKeys: readonly string[];
  /** Whether connections are to be closed as soon as they have their answer. */
  readonly isEnding: () => boolean;
  readonly answers: OpenAnswers;
}

const REQUEST_ID = /^[\w.:-]{1,100}$/;
/** How often connections are looked at that have not sent their request. */
const CHECK_MS = 500;

/** A server without routes: limits, request ids, keys, errors, a count for every answer and a log line for all but probes'. */
export function createApp(options: AppOptions): FastifyInstance {
  const { limits, log } = options;
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    // One line for each answer is enough.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.bodySeconds * 1000,
    http: { headersTimeout: limits.headerSeconds * 1000, connectionsCheckingInterval: CHECK_MS },
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    clientErrorHandler: answerBrokenRequest,
  });
  app.server.maxConnections = limits.connections;
  app.removeContentTypeParser('text/plain');
  addHooks(app, options);
  return app;
}

function addHooks(app: FastifyInstance, { limits, metrics, apiKeys, isEnding, answers }: AppOptions): void {
  const isKey = keyCheck(apiKeys);
  // Node takes what a closed connection will never send for sent.
  const cutOff = new WeakSet<Socket>();
  app.server.on('connection', (socket) => socket.once('timeout', () => cutOff.add(socket)));
  app.addHook('onRequest', async (request, reply) => {
    const { socket } = request.raw;
    let isSent = false;
    reply.raw.once('finish', () => {
      isSent = true;
    });
    reply.raw.once('close', () => {
      note(request, reply, isSent && !cutOff.has(socket) ? reply.raw.statusCode : CLIENT_GONE, metrics);
    });
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff' });
    if (apiKeys.length === 0 || request.routeOptions.config.open) return;
    if (!isKey(keyIn(request.headers.authorization) ?? '')) {
      reply.header('www-authenticate', 'Bearer');
      throw noSuchKey();
    }
  });
  app.addHook('preHandler', async (_, reply) => answers.add(reply.raw));
  app.addHook('onSend', async (request, reply) => {
    if (isEnding()) reply.header('connection', 'close');
    request.raw.socket.setTimeout(limits.sendSeconds * 1000);
  });
  app.setNotFoundHandler({}, () => {
    throw new ApiError(404, 'There is nothing here; /openapi.json says what there is.', {
      code: 'not_found',
    });
  });
  app.setErrorHandler((error, request, reply) => {
    const answer = toApiError(error);
    metrics.failed(answer.code ?? 'internal_error');
    // What a client did wrong may have its words in it; what went wrong here has not. What has to wait is no fault.
    if (answer.status >= 500 && answer.retryAfterSeconds === undefined)
      request.log.error({ err: answer.cause ?? answer }, 'failed');
    return reply.status(answer.status).headers(answer.headers).send(answer.body);
  });
}

/** Counts and logs an answer that is over. */
function note(
  request: FastifyRequest,
  { elapsedTime }: FastifyReply,
  status: number,
  metrics: ServerMetrics,
): void {
  const route = request.routeOptions.url ?? 'none';
  metrics.answered(route, status);
  const level = request.routeOptions.config?.probe && status < 400 ? 'debug' : 'info';
  request.log[level]({ method: request.method, route, status, tookMs: Math.round(elapsedTime) }, 'answered');
}

const BROKEN = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The headers are too large.',
    'headers_too_large',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not come in time.', 'request_timeout'],
  other: ['400 Bad Request', 'The request is no HTTP.', 'bad_request'],
} as const;

/** Answers what is no HTTP, or did not come in time. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const [status, message, code] = BROKEN[error.code as keyof typeof BROKEN] ?? BROKEN.other;
    const text = JSON.stringify(new ApiError(Number.parseInt(status, 10), message, { code }).body);
    socket.write(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n` +
        `connection: close\r\n\r\n${text}`,
    );
  }
  socket.destroy();
}
