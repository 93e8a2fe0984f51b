import { automatic1111Routes } from './automatic1111/routes.js';
import { type Backend, type BackendContext, localBackend } from './backend.js';
import { PictureStore } from './drawing/picture-store.js';
import { createApp } from './http/create-app.js';
import { OpenAnswers } from './http/open-answers.js';
import { type ServerLimits, withDefaultLimits } from './limits.js';
import { createLog } from './log.js';
import type { ServedModel } from './models/served-model.js';
import { openAiRoutes } from './openai/routes.js';
import { documentRoutes } from './openapi/routes.js';
import { ServerMetrics } from './operations/metrics.js';
import { operationsRoutes } from './operations/routes.js';
import { pageRoutes } from './page-routes.js';

/** To whom a server answers, and within which limits. */
export interface ServerOptions {
  readonly limits?: Partial<ServerLimits>;
  /** Keys that are let in; without any, everybody is. */
  readonly apiKeys?: readonly string[];
  /** Whether prompts go to the log. */
  readonly logPrompts?: boolean;
  /** Where log lines go, as JSON; nowhere when left out. */
  readonly logTo?: { write(line: string): void } | undefined;
}

/** What is served, to whom, and within which limits. */
export interface PictureServerOptions extends ServerOptions {
  /** The first one is for requests that name none, and draws the warm-up picture. */
  readonly models: readonly ServedModel[];
  /** What loaded models may take together, in bytes; no bound when left out. */
  readonly memoryBytes?: number | undefined;
  /** Steps of the warm-up picture; the model's own when left out. */
  readonly warmUpSteps?: number | undefined;
}

/** A server whose pictures are drawn elsewhere. */
export interface FrontServerOptions extends ServerOptions {
  /** What draws the pictures; `dispose` is called when the server is closed. */
  readonly openBackend: (context: BackendContext) => Backend;
}

/** An HTTP server of pictures, before it listens and after. */
export interface PictureServer {
  /**
   * Listens, then draws the warm-up picture; requests that come before it is done wait in the queue.
   * @param at port 0 takes any that is free
   */
  listen(at: { readonly host: string; readonly port: number }): Promise<Listening>;
  /**
   * Takes no more requests, hands back those that wait (503), lets the one that is drawn finish within the grace, and
   * frees everything.
   */
  close(options?: { readonly graceSeconds?: number }): Promise<void>;
}

/** A server that takes requests. */
export interface Listening {
  /** As in http://127.0.0.1:8080. */
  readonly address: string;
  /**
   * Resolves when the warm-up picture is done.
   * @throws ApiError when the model cannot be loaded, CacheQuantError when it cannot draw
   */
  readonly ready: Promise<void>;
}

const GRACE_SECONDS = 25;
/** For clients to take the last answers. */
const LAST_ANSWERS_MS = 5000;

/**
 * Serves models over HTTP: OpenAI's images interface, AUTOMATIC1111's, a page, metrics.
 * @throws CacheQuantError `invalid-argument` for limits and models that do not go together
 */
export function createPictureServer(options: PictureServerOptions): PictureServer {
  return createFrontServer({ ...options, openBackend: (context) => localBackend(options, context) });
}

/**
 * The same over pictures that are drawn elsewhere, for which `@cachequant/queue` has a backend.
 * @throws CacheQuantError `invalid-argument` for limits that are not possible
 */
export function createFrontServer(options: FrontServerOptions): PictureServer {
  const limits = withDefaultLimits(options.limits);
  const log = createLog(options.logTo);
  const metrics = new ServerMetrics();
  const backend = options.openBackend({ limits, metrics, log, logPrompts: options.logPrompts ?? false });
  const { studio, models: shelf } = backend;
  const store = new PictureStore({ bytes: limits.keptBytes, seconds: limits.keptSeconds });
  let isWarm = false;
  const isReady = () => isWarm && !studio.isDraining && (backend.isReady?.() ?? true);
  metrics.watch({
    cachequant_queue_waiting: () => studio.waiting.length,
    cachequant_queue_running: () => studio.running.length,
    cachequant_ready: () => Number(isReady()),
  });
  const answers = new OpenAnswers();
  const app = createApp({
    limits,
    log,
    metrics,
    answers,
    apiKeys: options.apiKeys ?? [],
    isEnding: () => studio.isDraining,
  });
  openAiRoutes(app, { studio, shelf, store, limits });
  automatic1111Routes(app, { studio, shelf, limits });
  operationsRoutes(app, { studio, metrics, limits, isReady });
  documentRoutes(app, { limits });
  pageRoutes(app);

  return {
    async listen({ host, port }) {
      const address = await app.listen({ host, port });
      const ready = backend.warmUp().then(() => {
        isWarm = true;
        log.info({ address }, 'ready');
      });
      ready.catch(() => {});
      return { address, ready };
    },
    async close({ graceSeconds = GRACE_SECONDS } = {}) {
      await studio.drain(graceSeconds * 1000);
      await answers.none(LAST_ANSWERS_MS);
      const closed = app.close();
      // Requests that are not complete by now never get an answer.
      app.server.closeAllConnections();
      await closed;
      await backend.dispose();
    },
  };
}
