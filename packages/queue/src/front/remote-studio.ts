import type { RgbImage } from '@cachequant/pipeline';
import { ApiError, type BackendContext } from '@cachequant/server';
import {
  type DrawnPictures,
  type OrderStatus,
  type PictureEvents,
  type PictureOrder,
  type Studio,
  statusOf,
  stopping,
  tooLate,
  unknownModel,
} from '@cachequant/server/internals';
import { CacheQuantError } from '@cachequant/tensor';
import type { QueuedModel } from '../jobs/queued-model.js';
import type { PictureQueue } from '../picture-queue.js';
import { readPreview } from '../pictures/picture-file.js';
import { requestsOf } from './order-requests.js';

export interface RemoteStudioOptions extends BackendContext {
  readonly queue: PictureQueue;
  readonly models: () => readonly QueuedModel[];
}

/** Unfinished pictures for an interface that asks for them now and then. */
const GLIMPSES = 4;

/** Has orders drawn by workers, one job for each picture. */
export class RemoteStudio implements Studio {
  readonly #options: RemoteStudioOptions;
  readonly #orders = new Map<OrderStatus, Promise<unknown>>();
  readonly #glimpses = new WeakMap<OrderStatus, RgbImage>();
  readonly #end = new AbortController();
  #draining = false;

  constructor(options: RemoteStudioOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  get running(): readonly OrderStatus[] {
    return [...this.#orders.keys()].filter(({ startedMs }) => startedMs !== undefined);
  }

  get waiting(): readonly OrderStatus[] {
    return [...this.#orders.keys()].filter(({ startedMs }) => startedMs === undefined);
  }

  async glimpse(status: OrderStatus): Promise<RgbImage | undefined> {
    return this.#glimpses.get(status);
  }

  async draw(order: PictureOrder, signal: AbortSignal, events: PictureEvents = {}): Promise<DrawnPictures> {
    const { models, limits, queue } = this.#options;
    if (this.#draining) throw stopping();
    const model = models().find(({ id }) => id === order.model);
    if (model === undefined) throw unknownModel(order.model, models());
    if (!model.takesText && order.prompt !== '') {
      throw new CacheQuantError('invalid-argument', 'the model takes no text', {
        where: 'prompt',
        expected: 'an empty prompt',
      });
    }
    if (!queue.isConnected) throw unreachable();
    const status = statusOf(order);
    const deadline = AbortSignal.timeout(limits.deadlineSeconds * 1000);
    const either = AbortSignal.any([signal, deadline, this.#end.signal]);
    const drawn = this.#draw(model, order, status, either, events);
    this.#orders.set(
      status,
      drawn.catch(() => {}),
    );
    try {
      return await drawn;
    } catch (error) {
      if (signal.aborted || this.#end.signal.aborted) throw either.reason;
      throw deadline.aborted ? tooLate(limits) : error;
    } finally {
      this.#orders.delete(status);
    }
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const timer = setTimeout(() => this.#end.abort(stopping()), graceMs);
    await Promise.all(this.#orders.values());
    clearTimeout(timer);
  }

  async #draw(
    model: QueuedModel,
    order: PictureOrder,
    status: OrderStatus,
    signal: AbortSignal,
    events: PictureEvents,
  ): Promise<DrawnPictures> {
    const { queue, metrics, log, logPrompts } = this.#options;
    const requests = requestsOf(order, model);
    await this.#requirePlace(model);
    // What fails ends the rest.
    const rest = new AbortController();
    const either = AbortSignal.any([signal, rest.signal]);
    let founds = 0;
    const warnings = new Set<string>();
    const begun = performance.now();
    const drawOne = async (image: number) => {
      const { picture, found } = await queue.ask(model, requests[image]!, {
        signal: either,
        partials: order.via === 'automatic1111' ? GLIMPSES : (order.partialPictures ?? 0),
        requestId: order.id,
        onActive: () => this.#note(status),
        onProgress: ({ call, calls, partial }) => {
          Object.assign(status, { call, calls });
          if (partial) this.#show(partial, image, status, events);
        },
      });
      status.image = Math.min(status.image + 1, order.count - 1);
      const { details, ...pixels } = picture;
      if (found) founds += 1;
      else metrics.drew(order.model, details.seconds);
      for (const warning of details.warnings) warnings.add(warning);
      const drawn = { ...pixels, seed: details.seed };
      await events.onPicture?.(drawn, image, details.warnings);
      return drawn;
    };
    const about = {
      requestId: order.id,
      model: order.model,
      pictures: order.count,
      ...(logPrompts && { prompt: order.prompt, negativePrompt: order.negativePrompt }),
    };
    const tookMs = () => Math.round(performance.now() - begun);
    try {
      const images = await Promise.all(requests.map((_, image) => drawOne(image)));
      log.info({ ...about, found: founds, tookMs: tookMs() }, 'drawn');
      return { images, warnings: [...warnings] };
    } catch (error) {
      rest.abort(error);
      log.info({ ...about, tookMs: tookMs(), stopped: signal.aborted }, 'not drawn');
      throw error;
    }
  }

  /** A worker has taken it. */
  #note(status: OrderStatus): void {
    if (status.startedMs !== undefined) return;
    status.startedMs = performance.now();
    this.#options.metrics.waited((status.startedMs - status.submittedMs) / 1000);
  }

  #show(
    { index, preview }: { readonly index: number; readonly preview: string },
    image: number,
    status: OrderStatus,
    { onPartial }: PictureEvents,
  ): void {
    readPreview(preview)
      .then((picture) => {
        this.#glimpses.set(status, picture);
        return onPartial?.(picture, index, image);
      })
      .catch((err) => this.#options.log.warn({ err }, 'unfinished picture not shown'));
  }

  /** @throws ApiError 429 when as many wait as may, before all fronts */
  async #requirePlace(model: QueuedModel): Promise<void> {
    const { queue, limits } = this.#options;
    if ((await queue.waiting(model)) < limits.queue) return;
    throw new ApiError(429, 'The queue is full.', { code: 'queue_full', retryAfterSeconds: 5 });
  }
}

function unreachable(): ApiError {
  return new ApiError(503, 'The queue of the workers cannot be reached; send the request again.', {
    code: 'queue_unreachable',
    retryAfterSeconds: 2,
  });
}
