import { type Job, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX } from './connection.js';
import { type JobData, type JobProgress, type JobResult, readProgress } from './job-messages.js';
import { type QueuedModel, queueName } from './queued-model.js';

/** What is known of a job that somebody waits for. */
export type JobState =
  | { readonly is: 'waiting' | 'active' }
  | { readonly is: 'completed'; readonly result: JobResult }
  | { readonly is: 'failed'; readonly reason: string }
  /** The queue knows no such job. */
  | { readonly is: 'gone' };

export interface JobWatcher {
  readonly onState: (state: JobState) => void;
  readonly onProgress: (progress: JobProgress) => void;
}

/** Unfinished pictures are in the events, which are kept until there are as many. */
const KEPT_EVENTS = 1000;
/** How long a job is kept that is over, for those who missed the event. */
const KEPT = { age: 3600, count: 5000 };
/** What a person waits for comes before these. */
const BATCH_PRIORITY = 10;
const ATTEMPTS = { attempts: 3, backoff: { type: 'fixed', delay: 1000 } };

/** The queue of one model, and what happens in it. */
export class JobLine {
  readonly #queue: Queue<JobData, JobResult>;
  readonly #events: QueueEvents;
  readonly #watchers = new Map<string, Set<JobWatcher>>();

  constructor(model: QueuedModel, redis: Redis, eventRedis: Redis, onError: (error: Error) => void) {
    const name = queueName(model);
    this.#queue = new Queue(name, {
      connection: redis,
      prefix: PREFIX,
      streams: { events: { maxLen: KEPT_EVENTS } },
    });
    this.#events = new QueueEvents(name, { connection: eventRedis, prefix: PREFIX });
    this.#queue.on('error', onError);
    this.#events.on('error', onError);
    const tell = (key: string, state: JobState) => {
      for (const { onState } of this.#watchers.get(key) ?? []) onState(state);
    };
    this.#events.on('active', ({ jobId }) => tell(jobId, { is: 'active' }));
    this.#events.on('failed', ({ jobId, failedReason }) =>
      tell(jobId, { is: 'failed', reason: failedReason }),
    );
    this.#events.on('completed', ({ jobId, returnvalue }) =>
      tell(jobId, { is: 'completed', result: returnvalue as unknown as JobResult }),
    );
    this.#events.on('progress', ({ jobId, data }) => {
      const progress = readProgress(data);
      if (progress) for (const { onProgress } of this.#watchers.get(jobId) ?? []) onProgress(progress);
    });
  }

  /** @returns how to end it */
  watch(key: string, watcher: JobWatcher): () => void {
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  async stateOf(key: string): Promise<JobState> {
    const job = await this.#queue.getJob(key);
    if (job === undefined) return { is: 'gone' };
    const state = await job.getState();
    if (state === 'completed' || state === 'failed') {
      // What it read before may be older than what the state says.
      const now = await this.#queue.getJob(key);
      if (now === undefined) return { is: 'gone' };
      return state === 'completed'
        ? { is: 'completed', result: now.returnvalue }
        : { is: 'failed', reason: now.failedReason ?? '' };
    }
    if (state === 'unknown') return { is: 'gone' };
    return { is: state === 'active' ? 'active' : 'waiting' };
  }

  /** Adds a job, unless it is there; one that is over is done again. One that a person waits for comes first. */
  async add(key: string, data: JobData, isBatch: boolean): Promise<void> {
    const found = await this.#queue.getJob(key);
    const state = await found?.getState();
    if (state === 'completed' || state === 'failed') await remove(found);
    if (state === 'prioritized' && !isBatch) await found?.changePriority({ priority: 0 }).catch(() => {});
    await this.#queue.add('picture', data, {
      jobId: key,
      ...ATTEMPTS,
      removeOnComplete: KEPT,
      removeOnFail: KEPT,
      ...(isBatch && { priority: BATCH_PRIORITY }),
    });
  }

  /** @returns whether it did not run, and is gone */
  async withdraw(key: string): Promise<boolean> {
    return remove(await this.#queue.getJob(key));
  }

  /** Jobs that persons wait for and no worker has yet. */
  waiting(): Promise<number> {
    return this.#queue.getWaitingCount();
  }

  /** All jobs. */
  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const counts = await this.#queue.getJobCounts('wait', 'prioritized', 'delayed', 'active');
    const { wait = 0, prioritized = 0, delayed = 0, active = 0 } = counts;
    return { waiting: wait + prioritized + delayed, active };
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#events.close(), this.#queue.close()]);
  }
}

/** @returns whether it is gone; one that runs stays */
async function remove(job: Job | undefined): Promise<boolean> {
  if (job === undefined) return true;
  return job.remove().then(
    () => true,
    () => false,
  );
}
