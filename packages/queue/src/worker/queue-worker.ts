import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  createHealthServer,
  createLog,
  drawPictures,
  type HealthServer,
  logChange,
  ModelShelf,
  ServerMetrics,
} from '@cachequant/server/internals';
import { connect, reach, shownAddress } from '../jobs/connection.js';
import { CANCEL_CHANNEL } from '../jobs/interest.js';
import { CANCELLED } from '../jobs/job-messages.js';
import type { QueuedModel } from '../jobs/queued-model.js';
import { ANNOUNCE_MS, announce } from '../jobs/roster.js';
import type { PictureArchive } from '../pictures/picture-archive.js';
import { JobTaker } from './job-taker.js';
import { Turn } from './turn.js';
import type { WorkerModel } from './worker-model.js';

/** Where a worker's jobs come from, what it draws by, and where pictures go. */
export interface QueueWorkerOptions {
  /** As in redis://127.0.0.1:6379. */
  readonly address: string;
  readonly archive: PictureArchive;
  /** The first one draws the warm-up picture. */
  readonly models: readonly WorkerModel[];
  /** What loaded models may take together, in bytes; no bound when left out. */
  readonly memoryBytes?: number | undefined;
  /** Steps of the warm-up picture; the model's own when left out. */
  readonly warmUpSteps?: number | undefined;
  /** After which the job of a worker that does not answer goes to another; 30 when left out. */
  readonly takeoverSeconds?: number | undefined;
  /** Whether prompts go to the log. */
  readonly logPrompts?: boolean;
  /** Where log lines go, as JSON; nowhere when left out. */
  readonly logTo?: { write(line: string): void } | undefined;
  /** Where `/healthz`, `/readyz` and `/metrics` are answered, from the start on; nowhere when left out. */
  readonly health?: { readonly host: string; readonly port: number } | undefined;
  /** Stops the start. */
  readonly signal?: AbortSignal | undefined;
}

/** A worker that takes jobs. */
export interface QueueWorker {
  /** As in http://127.0.0.1:9090; undefined where `health` was left out. */
  readonly healthAddress: string | undefined;
  /** Takes no more jobs; the one that is drawn may end within the grace, else another worker gets it. */
  close(options?: { readonly graceSeconds?: number }): Promise<void>;
}

const GRACE_SECONDS = 25;
const TAKEOVER_SECONDS = 30;
/** How long a worker waits at its start for the queue's server. */
const REACH_SECONDS = 60;

/**
 * Draws pictures for fronts and batches, one at a time. Its networks run in a thread of their own, so that it can say
 * meanwhile that it is alive; one that cannot say so ends its picture before another worker begins it.
 * @throws CacheQuantError `storage` when the queue cannot be reached, and as `Generator.generate` for the warm-up picture;
 * what Node says (`EADDRINUSE`) when nothing can listen at `health`
 */
export async function startQueueWorker(options: QueueWorkerOptions): Promise<QueueWorker> {
  const { address, archive, models, takeoverSeconds = TAKEOVER_SECONDS, signal } = options;
  const log = createLog(options.logTo);
  const name = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const shelf = new ModelShelf(
    models.map(({ served }) => served),
    { memoryBytes: options.memoryBytes, onChange: (change) => logChange(log, change) },
  );
  let lastError = '';
  const onError = (error: Error) => {
    const text = error.message || error.name;
    if (text !== lastError) log.warn({ queue: shownAddress(address), reason: text }, 'queue trouble');
    lastError = text;
  };
  const [redis, listener] = [connect(address, onError), connect(address, onError)];
  const takers: JobTaker[] = [];
  let isTaking = false;
  const metrics = new ServerMetrics();
  const isReady = () => isTaking && redis.status === 'ready';
  metrics.watch({
    cachequant_queue_running: () => takers.reduce((sum, { drawing }) => sum + drawing, 0),
    cachequant_models_loaded: () => shelf.loaded.length,
    cachequant_models_bytes: () => shelf.heldBytes,
    cachequant_ready: () => Number(isReady()),
  });
  let health: HealthServer | undefined;
  let healthAddress: string | undefined;
  const dispose = async () => {
    redis.disconnect();
    listener.disconnect();
    archive.dispose();
    await shelf.dispose();
    await health?.close();
  };
  try {
    if (options.health) {
      health = createHealthServer({ metrics, isReady, log });
      healthAddress = await health.listen(options.health);
    }
    await reach(redis, address, REACH_SECONDS);
    const drawBy = new Map<string, boolean>();
    for (const { served } of models)
      drawBy.set(served.id, await warmUp(shelf, served.id, options.warmUpSteps, signal));
    const turn = new Turn();
    const queued = models.map((model) => queuedModel(model, drawBy.get(model.served.id)!));
    for (const [at, model] of models.entries()) {
      takers.push(
        new JobTaker({
          ...{ name, address, archive, shelf, turn, log, metrics, onError, takeoverSeconds },
          logPrompts: options.logPrompts ?? false,
          model,
          queued: queued[at]!,
        }),
      );
    }
    await listener.subscribe(CANCEL_CHANNEL);
    listener.on('message', (_, key) => {
      for (const taker of takers) taker.stop(key, CANCELLED);
    });
    const say = () => Promise.all(queued.map((model) => announce(redis, model)));
    await say();
    const timer = setInterval(() => void say().catch(onError), ANNOUNCE_MS);
    for (const taker of takers) taker.start();
    isTaking = true;
    log.info({ worker: name, queue: shownAddress(address), models: queued.map(({ id }) => id) }, 'ready');
    return {
      healthAddress,
      async close({ graceSeconds = GRACE_SECONDS } = {}) {
        isTaking = false;
        clearInterval(timer);
        await Promise.all(takers.map((taker) => taker.close(graceSeconds * 1000)));
        await dispose();
      },
    };
  } catch (error) {
    await Promise.all(takers.map((taker) => taker.close(0)));
    await dispose();
    throw error;
  }
}

/** @returns whether the model takes text */
async function warmUp(
  shelf: ModelShelf,
  id: string,
  steps: number | undefined,
  signal = new AbortController().signal,
): Promise<boolean> {
  const order = { id: 'warm-up', via: 'warm-up', model: id, prompt: 'warm up', seed: 0, count: 1 } as const;
  return shelf.use(id, async (loaded) => {
    await drawPictures(loaded, { ...order, steps }, { signal });
    return loaded.takesText;
  });
}

function queuedModel({ served, identity }: WorkerModel, takesText: boolean): QueuedModel {
  return { id: served.id, fingerprint: identity.fingerprint, created: served.created, takesText };
}
