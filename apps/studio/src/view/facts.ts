import { byId } from '../dom.js';
import { decibels, megabytes, times } from '../format.js';

export interface Facts {
  readonly reused: { readonly cached: number; readonly calls: number };
  /** Bytes of the denoiser. */
  readonly sizes: { readonly original: number; readonly ours: number };
  /** Left out where there is no original to compare with. */
  readonly speed?: number;
  readonly likeness?: number;
}

const set = (id: string, text: string) => {
  byId(id, HTMLElement).textContent = text;
};

/** @returns the words for speed and likeness */
export function showFacts({ reused, sizes, speed, likeness }: Facts): { speed: string; psnr: string } {
  const words = {
    speed: speed === undefined ? '–' : times(speed),
    psnr: likeness === undefined ? '–' : decibels(likeness),
  };
  set('fact-speed', words.speed);
  set('fact-psnr', words.psnr);
  set('fact-calls', `${reused.cached} / ${reused.calls}`);
  set('fact-size', times(sizes.original / sizes.ours));
  set('fact-bytes', `denoiser, ${megabytes(sizes.original)} to ${megabytes(sizes.ours)}`);
  return words;
}

export function clearFacts(): void {
  for (const id of ['fact-speed', 'fact-psnr', 'fact-calls', 'fact-size']) set(id, '–');
  set('fact-bytes', 'denoiser');
}
