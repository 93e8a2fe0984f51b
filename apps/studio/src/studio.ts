import { psnr } from '@cachequant/evaluate';
import type { ProgressCallback } from '@cachequant/runtime-web';
import type { WebGenerator } from '@cachequant/web';
import { byId } from './dom.js';
import { explain, noBundle } from './engine/explain.js';
import { denoiserBytes, deviceFor, type Models, NoBundleError, type OpenedBundle } from './engine/models.js';
import { type Pair, ratioOf } from './engine/pairs.js';
import { type Picture, type PictureRequest, runPicture, trajectoryErrors } from './engine/run-picture.js';
import type { DeviceChoice } from './engine/runtimes.js';
import { warmUp } from './engine/warm-up.js';
import { megabytes, seconds } from './format.js';
import type { PlanPanel } from './plan/plan-panel.js';
import { differencePicture } from './view/difference.js';
import { clearFacts, showFacts } from './view/facts.js';
import { hideNotice, showNotice } from './view/notice.js';
import { PictureCard } from './view/picture-card.js';
import { showWarnings } from './view/warnings.js';

export interface Request {
  readonly prompt: string;
  readonly seed: number;
}

/** More pairs at one press of the button. */
const REPEATS = 3;

/** Everything that a pair of pictures needs, loaded. */
interface Ready {
  readonly bundle: OpenedBundle;
  readonly request: Request;
  readonly asked: PictureRequest;
  readonly preview: OpenedBundle['manifest']['preview'];
  readonly ours: WebGenerator;
  readonly original: WebGenerator | undefined;
}

interface Pictures {
  readonly original: Picture | undefined;
  readonly ours: Picture;
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
  readonly #warnings = byId('warnings', HTMLElement);
  readonly #repeat = byId('repeat', HTMLButtonElement);
  /** Of the picture that is shown. */
  readonly #pairs: Pair[] = [];
  #measured: { readonly bundle: OpenedBundle; readonly request: Request } | undefined;
  #bundle: OpenedBundle | undefined;

  constructor(
    readonly models: Models,
    readonly plan: PlanPanel,
    readonly choice: () => DeviceChoice,
  ) {
    this.#cards.original.describe(`float, ${megabytes(models.catalog.original.denoiserBytes)}`);
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
    const ready = await this.#load(bundle, request, signal);
    const { original, ours } = await this.#pair(ready, 'original first', this.#pairs.length === 0);
    showWarnings(this.#warnings, [...(original?.warnings ?? []), ...ours.warnings]);
    this.#compare(bundle, original, ours);
    this.plan.ran();
    this.#measured = original && { bundle, request };
    this.#repeat.disabled = this.#measured === undefined;
  }

  /** Makes the last picture again, the bundle first and the original first in turn, for a ratio that can be relied on. */
  async repeat(signal: AbortSignal): Promise<void> {
    if (this.#measured === undefined) return;
    const { bundle, request } = this.#measured;
    const ready = await this.#load(bundle, request, signal);
    for (let turn = 0; turn < REPEATS; turn++) {
      const order = this.#pairs.length % 2 === 1 ? 'bundle first' : 'original first';
      const { original, ours } = await this.#pair(ready, order, false);
      this.#compare(bundle, original, ours);
    }
  }

  /** Both are ready before either runs: what cannot work shows at once, and no clock has loading in it. */
  async #load(bundle: OpenedBundle, request: Request, signal: AbortSignal): Promise<Ready> {
    const say = (card: 'original' | 'bundle', words: string) => this.#cards[card].say('…', words);
    say('bundle', 'starting the runtime');
    say('original', 'starting the runtime');
    const runtime = await this.models.runtimes.get(deviceFor(bundle.manifest, this.choice()));
    this.#backend.textContent = describeBackend(runtime);
    await this.models.use(await this.plan.storage());
    say('bundle', 'loading the networks');
    const ours = await this.models.loadBundle(runtime);
    say('bundle', 'waiting for its turn');
    let original: WebGenerator | undefined;
    if (this.#isOurs(bundle)) {
      await this.models.openOriginal(this.progressOn('original'), signal);
      say('original', 'loading the networks');
      original = await this.models.loadOriginal(runtime);
      say('original', 'waiting for its turn');
    } else this.#cards.original.say('–', 'not on this site');
    const { preview, sampler, guidanceScale } = bundle.manifest;
    const asked = { ...request, steps: sampler.steps, sampler: sampler.name, guidanceScale, signal };
    return { bundle, request, asked, preview, ours, original };
  }

  async #pair(ready: Ready, order: 'original first' | 'bundle first', cold: boolean): Promise<Pictures> {
    if (cold) {
      for (const card of ['original', 'bundle'] as const) {
        const generator = card === 'original' ? ready.original : ready.ours;
        if (generator === undefined) continue;
        this.#cards[card].say('…', 'warming up');
        await warmUp(generator, ready.asked);
        this.#cards[card].say('…', 'waiting for its turn');
      }
    }
    let original: Picture | undefined;
    if (order === 'original first') original = await this.#original(ready);
    const ours = await this.#ours(ready);
    if (order === 'bundle first') original = await this.#original(ready);
    if (original) this.#pairs.push({ originalMs: original.totalMs, bundleMs: ours.totalMs });
    return { original, ours };
  }

  async #original({ original, asked, preview, request }: Ready): Promise<Picture | undefined> {
    if (original === undefined) return undefined;
    this.say('The original model is computing.');
    const picture = await runPicture(original, asked, preview, (moment) =>
      this.#cards.original.watch(moment.call, moment.calls, moment.elapsedMs, moment.preview),
    );
    this.#finish('original', picture, request);
    return picture;
  }

  async #ours({ ours, asked, preview, request }: Ready): Promise<Picture> {
    this.say('CacheQuant is computing.');
    const picture = await runPicture(ours, asked, preview, (moment) => {
      this.#cards.bundle.watch(moment.call, moment.calls, moment.elapsedMs, moment.preview);
      this.plan.timeline.light(moment.call);
    });
    this.#finish('bundle', picture, request);
    return picture;
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
    this.#pairs.length = 0;
    this.#measured = undefined;
    this.#repeat.disabled = true;
    showWarnings(this.#warnings, []);
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
    const speed = ratioOf(this.#pairs);
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
