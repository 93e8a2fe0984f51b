import { psnr } from '@cachequant/pipeline';
import type { ProgressCallback } from '@cachequant/runtime-web';
import { byId } from './dom.js';
import { explain, noBundle } from './engine/explain.js';
import { denoiserBytes, deviceFor, type Models, NoBundleError, type OpenedBundle } from './engine/models.js';
import { type Picture, runPicture, trajectoryErrors } from './engine/run-picture.js';
import type { DeviceChoice } from './engine/runtimes.js';
import { megabytes, seconds } from './format.js';
import type { PlanPanel } from './plan/plan-panel.js';
import { differencePicture } from './view/difference.js';
import { clearFacts, showFacts } from './view/facts.js';
import { hideNotice, showNotice } from './view/notice.js';
import { PictureCard } from './view/picture-card.js';

export interface Request {
  readonly prompt: string;
  readonly seed: number;
}

/** Runs the original and the bundle one after the other, and shows both. */
export class Studio {
  readonly #cards = {
    original: new PictureCard(byId('card-original', HTMLElement), 'Original'),
    bundle: new PictureCard(byId('card-bundle', HTMLElement), 'CacheQuant'),
    difference: new PictureCard(byId('card-difference', HTMLElement), 'Difference'),
  };
  readonly #notice = byId('notice', HTMLElement);
  readonly #status = byId('status', HTMLElement);
  readonly #backend = byId('backend', HTMLElement);
  #bundle: OpenedBundle | undefined;

  constructor(
    readonly models: Models,
    readonly plan: PlanPanel,
    readonly choice: () => DeviceChoice,
  ) {
    this.#cards.original.describe(`32-bit float, ${megabytes(models.catalog.original.denoiserBytes)}`);
  }

  /** Says something to screen readers. */
  say(words: string): void {
    this.#status.textContent = words;
  }

  fail(error: unknown): void {
    const explanation = error instanceof NoBundleError ? noBundle(error.message) : explain(error);
    showNotice(this.#notice, explanation);
  }

  /** Takes a bundle for all that follows. */
  async take(bundle: OpenedBundle): Promise<void> {
    hideNotice(this.#notice);
    this.#bundle = bundle;
    this.#clear();
    const { bits } = bundle.manifest;
    const precision = bits.target === 'float' ? '32-bit float' : `${bits.activations}-bit integers`;
    this.#cards.bundle.describe(`${precision}, ${megabytes(denoiserBytes(bundle.manifest))}`);
    const { name, calls } = bundle.manifest.sampler;
    byId('bundle-name', HTMLElement).textContent =
      `${bundle.title}, made of ${bundle.manifest.source.name} for ${calls} calls of ${name.replace('Scheduler', '')}`;
    await this.plan.show(bundle);
  }

  /** @throws CacheQuantError `aborted` and whatever stands in the way; it is for `fail` */
  async generate(request: Request, signal: AbortSignal): Promise<void> {
    const bundle = this.#bundle;
    if (bundle === undefined) return;
    hideNotice(this.#notice);
    this.#clear();
    const runtime = await this.models.runtimes.get(deviceFor(bundle.manifest, this.choice()));
    this.#backend.textContent = describeBackend(runtime);
    await this.models.use(await this.plan.storage());
    const { preview, sampler, guidanceScale } = bundle.manifest;
    const asked = { ...request, steps: sampler.steps, sampler: sampler.name, guidanceScale, signal };

    // Both are ready before either runs: what cannot work shows at once, and no clock has loading in it.
    const ours = await this.models.loadBundle(runtime);
    let original: Picture | undefined;
    if (this.#isOurs(bundle)) {
      await this.models.openOriginal(this.progressOn('original'), signal);
      const generator = await this.models.loadOriginal(runtime);
      this.say('The original model is computing.');
      original = await runPicture(generator, asked, preview, (moment) =>
        this.#cards.original.watch(moment.call, moment.calls, moment.elapsedMs, moment.preview),
      );
      this.#finish('original', original, request);
    } else this.#cards.original.say('–', 'not on this site');

    this.say('CacheQuant is computing.');
    const picture = await runPicture(ours, asked, preview, (moment) => {
      this.#cards.bundle.watch(moment.call, moment.calls, moment.elapsedMs, moment.preview);
      this.plan.timeline.light(moment.call);
    });
    this.#finish('bundle', picture, request);
    this.#compare(bundle, original, picture);
    this.plan.ran();
  }

  /** Shows a download in a card. */
  progressOn(card: 'original' | 'bundle'): ProgressCallback {
    return (event) => {
      if (event.status !== 'progress_total') return;
      this.#cards[card].say('loading', `${megabytes(event.loaded)} of ${megabytes(event.total)}`);
      if (event.loaded === event.total) this.#cards[card].say('–', '\u00a0');
    };
  }

  /** Empties what belongs to the last picture. */
  stopped(): void {
    this.say('Stopped.');
    for (const card of ['original', 'bundle'] as const) this.#cards[card].clear('No picture yet');
    this.plan.timeline.reset();
  }

  #isOurs({ manifest }: OpenedBundle): boolean {
    return manifest.source.fingerprint === this.models.catalog.original.fingerprint;
  }

  #clear(): void {
    for (const card of Object.values(this.#cards)) card.clear('No picture yet');
    this.#cards.difference.say('–', 'PSNR');
    clearFacts();
    this.plan.timeline.reset();
  }

  #finish(card: 'original' | 'bundle', { image, totalMs, kinds }: Picture, { prompt, seed }: Request): void {
    const { title } = this.#cards[card];
    this.#cards[card].show(image, `${title}: ${prompt}, seed ${seed}`);
    const reused = kinds.filter((kind) => kind === 'cached').length;
    this.#cards[card].say(
      seconds(totalMs),
      reused > 0 ? `${reused} of ${kinds.length} reused` : `${kinds.length} calls`,
    );
    this.say(`${title}: done after ${seconds(totalMs)}.`);
  }

  #compare({ manifest }: OpenedBundle, original: Picture | undefined, ours: Picture): void {
    const bytes = denoiserBytes(manifest);
    const reused = {
      cached: ours.kinds.filter((kind) => kind === 'cached').length,
      calls: ours.kinds.length,
    };
    const sizes = { original: manifest.source.denoiserBytes, ours: bytes };
    if (original === undefined) {
      showFacts({ reused, sizes });
      return;
    }
    const likeness = psnr(original.image, ours.image);
    const picture = differencePicture(original.image, ours.image);
    if (picture) this.#cards.difference.show(picture, 'Where the pictures differ, eight times as strong');
    const speed = original.totalMs / ours.totalMs;
    const words = showFacts({ reused, sizes, speed, likeness });
    this.#cards.difference.say(words.psnr, 'PSNR');
    this.plan.timeline.errors(trajectoryErrors(ours.trajectory, original.trajectory));
    this.say(`CacheQuant is ${words.speed} as fast. PSNR to the original: ${words.psnr}.`);
  }
}

function describeBackend(runtime: {
  backend: string;
  threads: number;
  adapter?: { description?: string } | undefined;
}): string {
  if (runtime.backend !== 'wasm') return 'WebGPU';
  return `WebAssembly, ${runtime.threads} thread${runtime.threads === 1 ? '' : 's'}`;
}
