import { drawImage, type RgbImage } from '@cachequant/web';
import { within } from '../dom.js';
import { seconds } from '../format.js';

/** One of the pictures with its name, progress and clock. */
export class PictureCard {
  readonly #canvas: HTMLCanvasElement;
  readonly #clock: HTMLElement;
  readonly #calls: HTMLElement;
  readonly #what: HTMLElement;
  readonly #bar: HTMLElement | null;

  constructor(
    root: HTMLElement,
    readonly title: string,
  ) {
    this.#canvas = within(root, 'canvas');
    this.#clock = within(root, '.clock');
    this.#calls = within(root, '.calls');
    this.#what = within(root, '.what');
    this.#bar = root.querySelector('.track i');
  }

  describe(what: string): void {
    this.#what.textContent = what;
  }

  /** Empties the card for the next picture. */
  clear(label: string): void {
    this.#canvas.getContext('2d')?.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#canvas.setAttribute('aria-label', label);
    this.say('–', '\u00a0');
    this.#progress(0);
  }

  /** The picture as it is after a call; a preview has fewer pixels and is smoothed. */
  watch(call: number, calls: number, elapsedMs: number, preview: RgbImage | undefined): void {
    if (preview) this.#draw(preview, true);
    this.say(seconds(elapsedMs), `call ${call + 1} of ${calls}`);
    this.#progress((call + 1) / calls);
  }

  show(image: RgbImage, label: string): void {
    this.#draw(image, false);
    this.#canvas.setAttribute('aria-label', label);
  }

  say(clock: string, calls: string): void {
    this.#clock.textContent = clock;
    this.#calls.textContent = calls;
  }

  #progress(share: number): void {
    if (this.#bar) this.#bar.style.scale = `${share} 1`;
  }

  #draw(image: RgbImage, smooth: boolean): void {
    drawImage(this.#canvas, image);
    this.#canvas.classList.toggle('smooth', smooth || image.width >= 128);
  }
}
