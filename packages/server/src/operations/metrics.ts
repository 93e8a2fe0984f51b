import type { CallKind } from '@cachequant/pipeline';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

/** Counts and times in Prometheus' form. Its labels are names of models and routes, never what a client sent. */
export class ServerMetrics {
  readonly registry = new Registry();
  readonly #queueWait = new Histogram({
    name: 'cachequant_queue_wait_seconds',
    help: 'From the arrival of a request to the start of its first picture',
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #pictures = new Histogram({
    name: 'cachequant_picture_seconds',
    help: 'Time of a picture, from the prompt to the pixels',
    labelNames: ['model'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #calls = new Histogram({
    name: 'cachequant_call_seconds',
    help: 'Time of a network call; the share of cached ones is count{kind="cached"} over all',
    labelNames: ['model', 'kind'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #requests = new Counter({
    name: 'cachequant_requests_total',
    help: 'Answered requests; status 499 for clients that went away before',
    labelNames: ['route', 'status'],
    registers: [this.registry],
  });
  readonly #errors = new Counter({
    name: 'cachequant_errors_total',
    help: 'Requests that failed, by the code of the error',
    labelNames: ['code'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Looks at values whenever they are asked for. */
  watch(values: Readonly<Partial<Record<WatchedMetric, () => number>>>): void {
    for (const [name, value] of Object.entries(values) as [WatchedMetric, () => number][]) {
      new Gauge({
        name,
        help: WATCHED[name],
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    }
  }

  readonly waited = (seconds: number): void => this.#queueWait.observe(seconds);

  called(model: string, kind: CallKind, seconds: number): void {
    this.#calls.observe({ model, kind }, seconds);
  }

  drew(model: string, seconds: number): void {
    this.#pictures.observe({ model }, seconds);
  }

  answered(route: string, status: number): void {
    this.#requests.inc({ route, status });
  }

  failed(code: string): void {
    this.#errors.inc({ code });
  }
}

const WATCHED = {
  cachequant_queue_waiting: 'Requests that wait for their turn',
  cachequant_queue_running: 'Requests whose pictures are being drawn',
  cachequant_models_loaded: 'Models in memory',
  cachequant_models_bytes: 'What the models in memory take, as the bound of memory counts it',
  cachequant_ready: '1 once the warm-up picture is done, until the server ends',
} as const;

type WatchedMetric = keyof typeof WATCHED;
