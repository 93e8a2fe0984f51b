import { subjectText } from '../options/generation-options.js';
import { type ImageTimes, timesLine } from '../pictures/image-times.js';
import { formatSeconds } from './format.js';
import { tableLines } from './print-table.js';

export interface ComparedImage {
  readonly prompt: string | undefined;
  readonly classLabel: number | undefined;
  readonly seed: number;
  /** Decibels; infinite for equal pictures. */
  readonly psnr: number;
  readonly ssim: number;
}

/** A model and its bundle on the same seeds. */
export interface Comparison {
  /** Path of the picture. */
  readonly grid: string;
  readonly images: readonly ComparedImage[];
  readonly times: { readonly original: ImageTimes; readonly optimized: ImageTimes };
  /** Time of the original over that of the bundle. */
  readonly speedup: number;
  readonly warnings: readonly string[];
}

export function comparisonLines({ grid, images, times, speedup }: Comparison): string[] {
  const mean = (pick: (image: ComparedImage) => number) =>
    images.reduce((sum, image) => sum + pick(image), 0) / images.length;
  const row = (seed: string, psnr: number, ssim: number, prompt: string) => [
    seed,
    `${psnr.toFixed(2)} dB`,
    ssim.toFixed(4),
    prompt,
  ];
  return [
    ...tableLines(
      [
        ['seed', 'PSNR', 'SSIM', ''],
        ...images.map((image) => row(String(image.seed), image.psnr, image.ssim, subjectText(image) ?? '')),
        row(
          'mean',
          mean(({ psnr }) => psnr),
          mean(({ ssim }) => ssim),
          '',
        ),
      ],
      { right: [0, 1, 2] },
    ),
    '',
    `original  ${timesLine(times.original)}`,
    `bundle    ${timesLine(times.optimized)}`,
    `${speedup.toFixed(2)} times as fast (${formatSeconds(times.original.secondsPerImage)} → ${formatSeconds(times.optimized.secondsPerImage)} an image)`,
    grid,
  ];
}
