/** `3.42 s`, always two places, so that a running clock keeps its width. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** `4.7 MB`; a megabyte is a million bytes. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
}

/** `37.4 dB`; pictures that are equal have no finite PSNR. */
export const decibels = (psnr: number): string =>
  Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : 'identical';

/** `3.4×`. */
export const times = (ratio: number): string => `${ratio.toFixed(1)}×`;

/** `2.4 %`. */
export const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
