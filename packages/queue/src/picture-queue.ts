import { randomUUID } from 'node:crypto';
import { CacheQuantError } from '@cachequant/tensor';
import type { Redis } from 'ioredis';
import { connect, reach } from './jobs/connection.js';
import { CANCEL_CHANNEL, join, leave } from './jobs/interest.js';
import { JobLine, type JobState } from './jobs/job-line.js';
import { CANCELLED, type JobProgress, readJobError } from './jobs/job-messages.js';
import { type PictureRequest, pictureKey } from './jobs/picture-request.js';
import { type QueuedModel, queueName } from './jobs/queued-model.js';
import { listModels } from './jobs/roster.js';
import { within } from './jobs/within.js';
import type { PictureArchive } from './pictures/picture-archive.js';
import { type ArchivedPicture, readPicture } from './pictures/picture-file.js';

/** Where the jobs and the pictures are. */
export interface PictureQueueOptions {
  /** As in redis://127.0.0.1:6379. */
  readonly address: string;
  readonly archive: PictureArchive;
  /** Hears of connections that are lost, which are made again. */
  readonly onError?: (error: Error) => void;
  /** How often a job is looked at whose events may have been missed. */
  readonly pollMs?: number;
}

/** How a picture is asked for. */
export interface AskOptions {
  readonly signal: AbortSignal;
  /** Comes after what persons wait for. */
  readonly isBatch?: boolean;
  /** Unfinished pictures to be sent on the way. */
  readonly partials?: number;
  /** For the worker's log. */
  readonly requestId?: string;
  readonly onProgress?: (progress: JobProgress) => void;
  /** Called when a worker has taken it. */
  readonly onActive?: () => void;
}

/** A picture, and whether it had been drawn before. */
export interface AskedPicture {
  readonly key: string;
  readonly picture: ArchivedPicture;
  /** Whether it was in the archive: nobody drew it for this request. */
  readonly found: boolean;
}

const POLL_MS = 2000;
/** For the server to hear of the end. */
const LAST_WORDS_MS = 2000;
/** For which a server of the queue that answers may refuse. */
const TROUBLE_MS = 60_000;
/** For files to appear that another machine has written. */
const APPEARS_MS = 5000;

/**
 * Asks workers for pictures. A picture that is in the archive is not drawn again; one that is being drawn is waited
 * for. A job that was lost with the queue's server is put there again.
 */
export class PictureQueue {
  readonly #options: PictureQueueOptions;
  readonly #redis: Redis;
  readonly #eventRedis: Redis;
  readonly #lines = new Map<string, JobLine>();

  /** @throws CacheQuantError `invalid-argument` for something that is no address */
  constructor(options: PictureQueueOptions) {
    this.#options = options;
    this.#redis = connect(options.address, options.onError);
    this.#eventRedis = connect(options.address, options.onError);
  }

  /** Whether the connection stands. */
  get isConnected(): boolean {
    return this.#redis.status === 'ready';
  }

  /** @throws CacheQuantError `storage` when the server does not answer in time */
  async reach(seconds: number): Promise<void> {
    await reach(this.#redis, this.#options.address, seconds);
  }

  /** What workers draw by. */
  models(): Promise<readonly QueuedModel[]> {
    return listModels(this.#redis);
  }

  /** Jobs of a model that persons wait for and no worker has yet. */
  waiting(model: QueuedModel): Promise<number> {
    return this.#line(model).waiting();
  }

  /** All jobs of a model. */
  counts(model: QueuedModel): Promise<{ readonly waiting: number; readonly active: number }> {
    return this.#line(model).counts();
  }

  /**
   * Resolves to a picture, out of the archive or when a worker has drawn it.
   * @throws CacheQuantError what the worker says; the signal's reason, and then nobody draws it, unless another waits
   */
  async ask(model: QueuedModel, request: PictureRequest, options: AskOptions): Promise<AskedPicture> {
    const key = pictureKey(model.fingerprint, request);
    const file = await this.#options.archive.get(key);
    if (file !== undefined) return { key, picture: await readPicture(file), found: true };
    options.signal.throwIfAborted();
    const line = this.#line(model);
    const who = randomUUID();
    await orAborted(join(this.#redis, key, who), options.signal);
    try {
      return await this.#drawn(line, model, key, request, options);
    } finally {
      const { aborted } = options.signal;
      const left = this.#leave(line, key, who, aborted).catch(() => {});
      // Whoever gave up does not wait for a queue that may be gone.
      if (!aborted) await left;
    }
  }

  async close(): Promise<void> {
    await within(LAST_WORDS_MS, Promise.all([...this.#lines.values()].map((line) => line.close())));
    this.#redis.disconnect();
    this.#eventRedis.disconnect();
  }

  async #drawn(
    line: JobLine,
    model: QueuedModel,
    key: string,
    request: PictureRequest,
    options: AskOptions,
  ): Promise<AskedPicture> {
    const { isBatch = false, partials = 0, requestId = '' } = options;
    for (;;) {
      const data = { model: model.id, request, partials, requestId };
      const state = await this.#over(line, key, options, () => line.add(key, data, isBatch));
      if (state.is === 'failed' && state.reason !== CANCELLED) throw readJobError(state.reason);
      const file = state.is === 'failed' ? undefined : await this.#appeared(key, state, options.signal);
      if (file === undefined) continue;
      return {
        key,
        picture: await readPicture(file),
        found: state.is === 'completed' && state.result.found,
      };
    }
  }

  /** Adds a job and resolves when it is over, or gone. */
  #over(
    line: JobLine,
    key: string,
    { signal, onProgress, onActive }: AskOptions,
    add: () => Promise<void>,
  ): Promise<JobState> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (settle: () => void) => {
        if (isOver) return;
        isOver = true;
        unwatch();
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = () => end(() => reject(signal.reason));
      let hasBegun = false;
      const onState = (state: JobState) => {
        if (state.is === 'active') {
          if (!hasBegun) onActive?.();
          hasBegun = true;
        } else if (state.is !== 'waiting') end(() => resolve(state));
      };
      const unwatch = line.watch(key, { onState, onProgress: (progress) => onProgress?.(progress) });
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) return onAbort();
      const isWaiting = () => !isOver;
      this.#look(line, key, add, isWaiting, onState).catch((error) => end(() => reject(error)));
    });
  }

  /** Adds a job and looks at it now and then. A server that is on its way out or back says all kinds of things. */
  async #look(
    line: JobLine,
    key: string,
    add: () => Promise<void>,
    isWaiting: () => boolean,
    onState: (state: JobState) => void,
  ): Promise<void> {
    let isAdded = false;
    let workedMs = performance.now();
    while (isWaiting()) {
      try {
        if (!isAdded) await add();
        isAdded = true;
        onState(await line.stateOf(key));
        workedMs = performance.now();
      } catch (error) {
        this.#options.onError?.(error as Error);
        if (performance.now() - workedMs > TROUBLE_MS) throw troubled(error);
      }
      await new Promise((soon) => setTimeout(soon, this.#options.pollMs ?? POLL_MS));
    }
  }

  async #appeared(key: string, state: JobState, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const untilMs = performance.now() + (state.is === 'completed' ? APPEARS_MS : 0);
    for (;;) {
      const file = await this.#options.archive.get(key);
      if (file !== undefined || performance.now() >= untilMs) return file;
      signal.throwIfAborted();
      await new Promise((soon) => setTimeout(soon, 200));
    }
  }

  async #leave(line: JobLine, key: string, who: string, hasGivenUp: boolean): Promise<void> {
    const isLast = await leave(this.#redis, key, who);
    if (!hasGivenUp || !isLast || (await line.withdraw(key))) return;
    await this.#redis.publish(CANCEL_CHANNEL, key);
  }

  #line(model: QueuedModel): JobLine {
    const name = queueName(model);
    const line =
      this.#lines.get(name) ??
      new JobLine(model, this.#redis, this.#eventRedis, this.#options.onError ?? (() => {}));
    this.#lines.set(name, line);
    return line;
  }
}

function troubled(cause: unknown): CacheQuantError {
  return new CacheQuantError('storage', 'the queue refuses', {
    where: 'queue',
    got: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * The model of a name that workers draw by.
 * @throws CacheQuantError `invalid-argument` when there is none
 */
export function findModel(models: readonly QueuedModel[], id: string | undefined): QueuedModel {
  const found = id === undefined ? models[0] : models.find((model) => model.id === id);
  if (found !== undefined && (id !== undefined || models.length === 1)) return found;
  const names = models.map((model) => model.id).join(', ');
  throw new CacheQuantError('invalid-argument', 'no worker draws by this model', {
    where: 'model',
    expected: names === '' ? 'a worker: cachequant worker <bundle> --queue …' : `one of ${names}`,
    got: id ?? 'none',
  });
}
