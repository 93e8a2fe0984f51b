import { byId } from '../dom.js';
import type { Ratio } from '../engine/pairs.js';
import { decibels, megabytes, times } from '../format.js';

export interface Facts {
  readonly reused: { readonly cached: number; readonly calls: number };
  /** Bytes of the denoiser. */
  readonly sizes: { readonly original: number; readonly ours: number };
  /** Left out where there is no original to compare with. */
  readonly speed?: Ratio;
  readonly likeness?: number;
}

const set = (id: string, text: string) => {
  byId(id, HTMLElement).textContent = text;
};

/** @returns the words for speed and likeness */
export function showFacts({ reused, sizes, speed, likeness }: Facts): { speed: string; psnr: string } {
  const words = {
    speed: speed === undefined ? '–' : times(speed.median),
    psnr: likeness === undefined ? '–' : decibels(likeness),
  };
  set('fact-speed', words.speed);
  set('fact-psnr', words.psnr);
  set('fact-runs', speed === undefined ? 'denoising and decoding' : describeRuns(speed));
  set('fact-calls', `${reused.cached} / ${reused.calls}`);
  set('fact-size', times(sizes.original / sizes.ours));
  set('fact-bytes', `denoiser, ${megabytes(sizes.original)} to ${megabytes(sizes.ours)}`);
  return words;
}

function describeRuns({ pairs, least, most }: Ratio): string {
  if (pairs === 1) return 'denoising and decoding, one pair';
  return `median of ${pairs} pairs, ${times(least)} to ${times(most)}`;
}

export function clearFacts(): void {
  for (const id of ['fact-speed', 'fact-psnr', 'fact-calls', 'fact-size']) set(id, '–');
  set('fact-bytes', 'denoiser');
  set('fact-runs', 'denoising and decoding');
}
