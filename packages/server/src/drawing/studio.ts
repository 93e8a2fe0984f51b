import type { RgbImage } from '@cachequant/pipeline';
import { CacheQuantError } from '@cachequant/tensor';
import type { Logger } from 'pino';
import { ApiError } from '../faults/api-error.js';
import type { ServerLimits } from '../limits.js';
import { type ModelShelf, unknownModel } from '../models/model-shelf.js';
import type { ServerMetrics } from '../operations/metrics.js';
import { drawPictures, latentPicture } from './draw-pictures.js';
import { JobQueue } from './job-queue.js';
import { type OrderStatus, statusOf } from './order-status.js';
import type { DrawnPictures, PictureEvents, PictureOrder } from './picture-order.js';

export interface StudioOptions {
  readonly shelf: ModelShelf;
  readonly limits: ServerLimits;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Whether prompts go to the log. */
  readonly logPrompts: boolean;
}

/** Where the pictures are drawn that requests of every interface ask for. */
export interface Studio {
  readonly isDraining: boolean;
  /** Orders that are being drawn, the first one first. */
  readonly running: readonly OrderStatus[];
  /** Orders whose turn has not come, the next one first. */
  readonly waiting: readonly OrderStatus[];
  /**
   * Draws an order when its turn comes.
   * @param signal of the client: ends the order at once while it waits, within one network call while it is drawn
   * @throws ApiError 404, 429 and 503, at once; as a rejection 504 at the deadline, and the signal's reason
   * @throws CacheQuantError as `Generator.generate`, as a rejection
   */
  draw(order: PictureOrder, signal: AbortSignal, events?: PictureEvents): Promise<DrawnPictures>;
  /** What an order looks like so far; undefined where nothing is known of it, or it takes the decoder to know. */
  glimpse(status: OrderStatus): Promise<RgbImage | undefined>;
  /** Takes no more orders, hands back those that wait, and the ones that are drawn after `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

/** Draws in this process: one queue before all models. */
export class LocalStudio implements Studio {
  readonly #options: StudioOptions;
  readonly #queue: JobQueue<OrderStatus>;

  constructor(options: StudioOptions) {
    const { limits, metrics } = options;
    this.#options = options;
    this.#queue = new JobQueue({ capacity: limits.queue, onWaited: metrics.waited });
  }

  get isDraining(): boolean {
    return this.#queue.isDraining;
  }

  get running(): readonly OrderStatus[] {
    return this.#queue.running ? [this.#queue.running] : [];
  }

  get waiting(): readonly OrderStatus[] {
    return this.#queue.waiting;
  }

  draw(order: PictureOrder, signal: AbortSignal, events: PictureEvents = {}): Promise<DrawnPictures> {
    const { shelf, limits } = this.#options;
    if (!shelf.has(order.model)) throw unknownModel(order.model, shelf.models);
    const status = statusOf(order);
    const deadline = new AbortController();
    const drawn = this.#queue.submit({
      subject: status,
      signal: AbortSignal.any([signal, deadline.signal]),
      run: (either) => this.#run(order, status, either, events),
    });
    const timer = setTimeout(() => deadline.abort(tooLate(limits)), limits.deadlineSeconds * 1000);
    return drawn.finally(() => clearTimeout(timer));
  }

  async glimpse({ model, latents }: OrderStatus): Promise<RgbImage | undefined> {
    return latents && this.#options.shelf.use(model, (loaded) => latentPicture(latents, loaded));
  }

  drain(graceMs: number): Promise<void> {
    return this.#queue.drain(graceMs);
  }

  async #run(
    order: PictureOrder,
    status: OrderStatus,
    signal: AbortSignal,
    events: PictureEvents,
  ): Promise<DrawnPictures> {
    const { shelf, metrics, log, logPrompts } = this.#options;
    status.startedMs = performance.now();
    const about = {
      requestId: order.id,
      model: order.model,
      pictures: order.count,
      waitedMs: Math.round(status.startedMs - status.submittedMs),
      ...(logPrompts && { prompt: order.prompt, negativePrompt: order.negativePrompt }),
    };
    const tookMs = () => Math.round(performance.now() - (status.startedMs ?? 0));
    try {
      const drawn = await shelf.use(order.model, (model) =>
        drawPictures(model, order, {
          ...events,
          signal,
          onTimes: (seconds) => metrics.drew(order.model, seconds),
          onStep: ({ call, calls, kind, ms, latents }, image) => {
            Object.assign(status, { call: call + 1, calls, image, latents });
            metrics.called(order.model, kind, ms / 1000);
          },
        }),
      );
      log.info({ ...about, tookMs: tookMs() }, 'drawn');
      return drawn;
    } catch (error) {
      log.info({ ...about, tookMs: tookMs(), stopped: signal.aborted }, 'not drawn');
      // A runtime that failed once may have lost its worker or its memory.
      if (CacheQuantError.is(error) && error.code === 'runtime') await shelf.drop(order.model);
      throw error;
    }
  }
}

/** That the deadline of a request is over. */
export function tooLate({ deadlineSeconds }: ServerLimits): ApiError {
  return new ApiError(504, `The request took longer than ${deadlineSeconds} seconds.`, {
    code: 'deadline_exceeded',
  });
}
