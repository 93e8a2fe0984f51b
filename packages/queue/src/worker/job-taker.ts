import { ApiError } from '@cachequant/server';
import type { ModelShelf, ServerMetrics } from '@cachequant/server/internals';
import { CacheQuantError } from '@cachequant/tensor';
import { type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { connect, PREFIX } from '../jobs/connection.js';
import { CANCELLED, type JobData, type JobResult, readJobData, writeJobError } from '../jobs/job-messages.js';
import { type QueuedModel, queueName } from '../jobs/queued-model.js';
import { within } from '../jobs/within.js';
import type { PictureArchive } from '../pictures/picture-archive.js';
import { drawJob } from './draw-job.js';
import type { Turn } from './turn.js';
import type { WorkerModel } from './worker-model.js';

export interface JobTakerOptions {
  /** Of the worker. */
  readonly name: string;
  readonly address: string;
  readonly archive: PictureArchive;
  readonly shelf: ModelShelf;
  readonly model: WorkerModel;
  readonly queued: QueuedModel;
  /** Shared by the models of a worker, which draws one picture at a time. */
  readonly turn: Turn;
  readonly takeoverSeconds: number;
  readonly log: Logger;
  readonly metrics: ServerMetrics;
  readonly logPrompts: boolean;
  readonly onError: (error: Error) => void;
}

interface Held {
  readonly stop: AbortController;
  /** When the queue's server last heard that the job is alive. */
  renewedMs: number;
}

/** The job could not be kept: another worker gets it, or has it. */
const LOST = 'lost';
const ENDING = 'ending';
/** For the queue's server to hear of the end. */
const LAST_WORDS_MS = 3000;
/** How often a job may take its worker with it. */
const MOST_STALLS = 3;

/** Takes the jobs of one model. */
export class JobTaker {
  readonly #options: JobTakerOptions;
  readonly #redis: Redis;
  readonly #worker: Worker<JobData, JobResult>;
  readonly #held = new Map<string, Held>();
  readonly #fence: NodeJS.Timeout;

  constructor(options: JobTakerOptions) {
    const { queued, name, address, onError, takeoverSeconds } = options;
    const takeoverMs = takeoverSeconds * 1000;
    this.#options = options;
    this.#redis = connect(address, onError);
    this.#worker = new Worker(queueName(queued), (job, token) => this.#take(job, token ?? ''), {
      connection: this.#redis,
      prefix: PREFIX,
      name,
      autorun: false,
      concurrency: 1,
      lockDuration: takeoverMs,
      stalledInterval: takeoverMs / 2,
      maxStalledCount: MOST_STALLS,
      runRetryDelay: 1000,
    });
    this.#worker.on('error', onError);
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.stop(id, LOST);
    });
    this.#worker.on('locksRenewed', ({ jobIds }) => {
      for (const id of jobIds) {
        const held = this.#held.get(id);
        if (held) held.renewedMs = performance.now();
      }
    });
    this.#fence = setInterval(
      () => {
        for (const [id, { renewedMs }] of this.#held)
          if (performance.now() - renewedMs > takeoverMs) this.stop(id, LOST);
      },
      Math.min(1000, takeoverMs / 10),
    );
  }

  /** Jobs that it draws: 0 or 1. */
  get drawing(): number {
    return this.#held.size;
  }

  start(): void {
    this.#worker.run().catch(this.#options.onError);
  }

  /** Ends a job's drawing within one network call. */
  stop(key: string, why: string): void {
    this.#held.get(key)?.stop.abort(why);
  }

  /** Takes no more, lets a job end within the time, else hands it back. */
  async close(graceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      for (const key of this.#held.keys()) this.stop(key, ENDING);
    }, graceMs);
    await within(graceMs + LAST_WORDS_MS, this.#worker.close().catch(this.#options.onError));
    clearTimeout(timer);
    clearInterval(this.#fence);
    this.#redis.disconnect();
  }

  async #take(job: Job<JobData, JobResult>, token: string): Promise<JobResult> {
    const { turn } = this.#options;
    if (!turn.take()) {
      // This process draws by another of its models: other workers should have this one.
      void this.#worker.pause(true);
      turn.whenFree(() => void this.#worker.resume());
      return this.#handBack(job, token);
    }
    const held: Held = { stop: new AbortController(), renewedMs: performance.now() };
    this.#held.set(job.id!, held);
    try {
      return await this.#draw(job, held.stop.signal);
    } catch (error) {
      const why = held.stop.signal.aborted ? held.stop.signal.reason : undefined;
      if (why === CANCELLED) throw new UnrecoverableError(CANCELLED);
      if (why === ENDING) return await this.#handBack(job, token);
      throw await this.#failure(error, why);
    } finally {
      this.#held.delete(job.id!);
      turn.give();
    }
  }

  async #draw(job: Job<JobData, JobResult>, signal: AbortSignal): Promise<JobResult> {
    const { archive, shelf, model, log, logPrompts, metrics, name, queued } = this.#options;
    // By the clocks of two machines, which may be a little apart.
    metrics.waited(Math.max(0, Date.now() - job.timestamp) / 1000);
    const data = readJobData(job.data);
    const key = job.id!;
    const about = { job: key, requestId: data.requestId, model: queued.id, seed: data.request.seed };
    // A worker that ended between its picture and saying so leaves the picture.
    if (await archive.has(key)) {
      log.info(about, 'found');
      return { found: true, seconds: 0, worker: name };
    }
    log.info({ ...about, ...(logPrompts && { prompt: data.request.prompt }) }, 'drawing');
    const { file, seconds } = await drawJob(data, {
      shelf,
      model,
      signal,
      onProgress: (progress) => void job.updateProgress(progress).catch(() => {}),
      onCall: (kind, took) => metrics.called(queued.id, kind, took),
    });
    metrics.drew(queued.id, seconds);
    if (signal.aborted) throw new CacheQuantError('aborted', 'stopped on request');
    await archive.put(key, file);
    log.info({ ...about, tookMs: Math.round(seconds * 1000) }, 'drawn');
    return { found: false, seconds, worker: name };
  }

  /** What a request is to blame for fails at once; what may be this process's fault is tried again. */
  async #failure(error: unknown, why: unknown): Promise<Error> {
    const { shelf, queued, log, metrics } = this.#options;
    log.info({ model: queued.id, err: error, why }, 'not drawn');
    const cause = error instanceof ApiError && error.cause !== undefined ? error.cause : error;
    metrics.failed(CacheQuantError.is(cause) ? cause.code : 'internal_error');
    const text = writeJobError(cause);
    if (!CacheQuantError.is(cause)) return new Error(text);
    if (cause.code === 'runtime') await shelf.drop(queued.id);
    const isPassing = cause.code === 'runtime' || cause.code === 'storage' || cause.code === 'aborted';
    return isPassing ? new Error(text) : new UnrecoverableError(text);
  }

  async #handBack(job: Job<JobData, JobResult>, token: string): Promise<never> {
    await job.moveToWait(token);
    throw new WaitingError();
  }
}
