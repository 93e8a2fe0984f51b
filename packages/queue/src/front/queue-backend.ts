import type { Backend, BackendContext } from '@cachequant/server';
import { Gauge } from 'prom-client';
import { shownAddress } from '../jobs/connection.js';
import type { QueuedModel } from '../jobs/queued-model.js';
import { PictureQueue } from '../picture-queue.js';
import type { PictureArchive } from '../pictures/picture-archive.js';
import { RemoteStudio } from './remote-studio.js';

/** Where the workers' jobs and pictures are. */
export interface QueueBackendOptions {
  /** As in redis://127.0.0.1:6379. */
  readonly address: string;
  readonly archive: PictureArchive;
}

const LOOK_MS = 2000;

/**
 * What is behind a server whose pictures workers draw, for `createFrontServer`. It is ready when the queue's server
 * answers and a worker has said what it draws by.
 * @throws CacheQuantError `invalid-argument` for something that is no address of a queue
 */
export function queueBackend({ address, archive }: QueueBackendOptions, context: BackendContext): Backend {
  const { log, metrics } = context;
  let lastError = '';
  const queue = new PictureQueue({
    address,
    archive,
    onError: (error) => {
      const text = error.message || error.name;
      if (text !== lastError) log.warn({ queue: shownAddress(address), reason: text }, 'queue lost');
      lastError = text;
    },
  });
  let models: readonly QueuedModel[] = [];
  let isClosed = false;
  let onModels = () => {};
  const look = async () => {
    while (!isClosed) {
      const found = queue.isConnected ? await queue.models().catch(() => models) : models;
      if (queue.isConnected) lastError = '';
      models = found;
      if (models.length > 0) onModels();
      await new Promise((soon) => setTimeout(soon, models.length === 0 ? LOOK_MS / 10 : LOOK_MS));
    }
  };
  void look();
  watchJobs(metrics.registry, queue, () => models);
  return {
    models: {
      get models() {
        return models;
      },
      has: (id) => models.some((model) => model.id === id),
    },
    studio: new RemoteStudio({ ...context, queue, models: () => models }),
    isReady: () => queue.isConnected,
    warmUp: () =>
      new Promise((resolve) => {
        onModels = resolve;
      }),
    async dispose() {
      isClosed = true;
      await queue.close();
      archive.dispose();
    },
  };
}

/** Jobs of all fronts and batches: what decides how many workers there should be. */
function watchJobs(
  registry: BackendContext['metrics']['registry'],
  queue: PictureQueue,
  models: () => readonly QueuedModel[],
): void {
  new Gauge({
    name: 'cachequant_jobs',
    help: 'Pictures that workers are to draw (waiting) and are drawing (active), of all fronts and batches',
    labelNames: ['model', 'state'],
    registers: [registry],
    async collect() {
      if (!queue.isConnected) return this.reset();
      for (const model of models()) {
        const { waiting, active } = await queue.counts(model);
        this.set({ model: model.id, state: 'waiting' }, waiting);
        this.set({ model: model.id, state: 'active' }, active);
      }
    },
  });
}
