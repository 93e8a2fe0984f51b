import type { FastifyInstance } from 'fastify';
import type { OrderStatus } from '../drawing/order-status.js';
import type { Studio } from '../drawing/studio.js';
import { ApiError } from '../faults/api-error.js';
import type { ServerLimits } from '../limits.js';
import type { ServerMetrics } from './metrics.js';

export interface HealthOptions {
  readonly metrics: ServerMetrics;
  readonly isReady: () => boolean;
}

export interface OperationsOptions extends HealthOptions {
  readonly studio: Studio;
  readonly limits: ServerLimits;
}

/** What those who run a server look at: health, readiness, metrics, the queue. */
export function operationsRoutes(app: FastifyInstance, options: OperationsOptions): void {
  const { studio, limits } = options;
  healthRoutes(app, options);
  app.get('/queue', () => ({
    capacity: limits.queue,
    running: studio.running.map(shown),
    waiting: studio.waiting.map(shown),
  }));
}

/** What orchestrators and Prometheus ask of any process: health, readiness, metrics. */
export function healthRoutes(app: FastifyInstance, { metrics, isReady }: HealthOptions): void {
  app.get('/healthz', { config: { open: true, probe: true } }, () => ({ status: 'ok' }));
  app.get('/readyz', { config: { open: true, probe: true } }, () => {
    if (isReady()) return { status: 'ready' };
    throw new ApiError(503, 'Not ready: the warm-up picture is not done, or the server is ending.', {
      code: 'not_ready',
      retryAfterSeconds: 1,
    });
  });
  app.get('/metrics', { config: { probe: true } }, async (_, reply) => {
    const text = await metrics.registry.metrics();
    return reply.type(metrics.registry.contentType).send(text);
  });
}

function shown({ id, model, image, images, call, calls, submittedMs }: OrderStatus) {
  const seconds = Math.round((performance.now() - submittedMs) / 100) / 10;
  return { id, model, image, images, call, calls, seconds };
}
