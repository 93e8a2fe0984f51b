import type { W4a8Results, W4a8Row } from './results.js';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** The results as a page of Markdown. */
export function renderW4a8Page(results: W4a8Results): string {
  const { interval, heldOutImages, calibrationImages, floatBytes, rows } = results;
  const head = ['weights', 'PSNR, no cache', `PSNR, cache at interval ${interval}`, 'denoiser', 'with cache'];
  const rounded = rows.find(({ rounding }) => rounding)?.rounding;
  return `${[
    `# Weights of 8, 7 and 4 bits on ${results.model}`,
    '',
    `Made by \`npm run bench:w4a8\` on ${results.measuredAt.slice(0, 10)}: ${results.processor}; ${results.sampler}, ${results.calls} network calls.`,
    `PSNR against the float original in decibels, mean over ${heldOutImages} held-out prompts and seeds, with its 95 % interval; calibrated on ${calibrationImages} others. The original's denoiser takes ${megabytes(floatBytes)}.`,
    '',
    row(...head),
    row(...head.map(() => '---')),
    ...rows.map(variantRow),
    '',
    ...(rounded
      ? [
          `Outputs of the ${rounded.layers} rounded layers, signal to rounding noise on calibration inputs, mean over the layers: ${rounded.nearest.toFixed(1)} dB with each weight at its nearest level, ${rounded.secondOrder.toFixed(1)} dB with second-order rounding.`,
          '',
        ]
      : []),
  ].join('\n')}`;
}

function variantRow({ label, uncached, cached }: W4a8Row): string {
  return row(
    label,
    uncached ? quality(uncached) : '–',
    quality(cached),
    uncached ? megabytes(uncached.denoiserBytes) : '–',
    megabytes(cached.denoiserBytes),
  );
}

function quality({ psnr, interval: [low, high] }: W4a8Row['cached']): string {
  return `${psnr.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;
}
