import { make } from '../dom.js';
import { percent } from '../format.js';

const SVG = 'http://www.w3.org/2000/svg';

/** The calls of the denoiser, left to right: refreshes are tall, cached ones as tall as their forecast is off. */
export class Timeline {
  readonly #root: HTMLElement;
  #cells: HTMLElement[] = [];
  readonly #line = document.createElementNS(SVG, 'polyline');
  readonly #top = make('span', { class: 'top' });
  readonly #chart = document.createElementNS(SVG, 'svg');

  constructor(root: HTMLElement) {
    this.#root = root;
    this.#chart.setAttribute('preserveAspectRatio', 'none');
    this.#chart.setAttribute('viewBox', '0 0 100 100');
    this.#chart.append(this.#line);
  }

  /**
   * @param heights of cached calls, 0 to 1; left out, all are low
   * @param words the same for those who do not see it
   */
  plan(
    calls: number,
    refreshCalls: readonly number[],
    heights: readonly number[] | undefined,
    words: string,
  ) {
    if (this.#cells.length !== calls) {
      this.#cells = Array.from({ length: calls }, () => make('i'));
      this.#root.replaceChildren(...this.#cells, this.#chart, this.#top);
    }
    const refreshes = new Set(refreshCalls);
    for (const [call, cell] of this.#cells.entries()) {
      cell.classList.toggle('full', refreshes.has(call));
      cell.style.setProperty('--height', String(heights?.[call] ?? 0.2));
    }
    this.#root.setAttribute('aria-label', words);
    this.reset();
  }

  reset(): void {
    for (const cell of this.#cells) cell.classList.remove('lit');
    this.#line.setAttribute('points', '');
    this.#top.textContent = '';
  }

  light(call: number): void {
    this.#cells[call]?.classList.add('lit');
  }

  /** Draws the error after each call, the largest at the top. */
  errors(errors: readonly number[]): void {
    const largest = Math.max(...errors, 1e-9);
    const points = errors.map((error, call) => {
      const x = ((call + 0.5) / errors.length) * 100;
      return `${x.toFixed(2)},${(96 - (error / largest) * 84).toFixed(2)}`;
    });
    this.#line.setAttribute('points', points.join(' '));
    this.#top.textContent = errors.length === 0 ? '' : `largest error of the latents ${percent(largest)}`;
  }
}
