import type { Logger } from 'pino';
import { createApp } from '../http/create-app.js';
import { OpenAnswers } from '../http/open-answers.js';
import { withDefaultLimits } from '../limits.js';
import type { ServerMetrics } from './metrics.js';
import { healthRoutes } from './routes.js';

export interface HealthServerOptions {
  readonly metrics: ServerMetrics;
  readonly isReady: () => boolean;
  readonly log: Logger;
}

/** Health, readiness and metrics of a process that serves nothing else. */
export interface HealthServer {
  /**
   * @param at port 0 takes any that is free
   * @returns the address, as in http://127.0.0.1:9090
   */
  listen(at: { readonly host: string; readonly port: number }): Promise<string>;
  close(): Promise<void>;
}

/** `/healthz`, `/readyz` and `/metrics` without keys: names of models and numbers are all there is to read. */
export function createHealthServer({ metrics, isReady, log }: HealthServerOptions): HealthServer {
  const answers = new OpenAnswers();
  const app = createApp({
    limits: withDefaultLimits(),
    ...{ log, metrics, answers },
    apiKeys: [],
    isEnding: () => false,
  });
  healthRoutes(app, { metrics, isReady });
  return {
    listen: (at) => app.listen(at),
    async close() {
      const closed = app.close();
      app.server.closeAllConnections();
      await closed;
    },
  };
}
