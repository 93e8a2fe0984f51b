import type { ReportData, ReportRow } from './report-data.js';

/** The row of the bundle: `cachequant`, or else the last one that was compared with the original. */
export function bundleRow(rows: readonly ReportRow[]): ReportRow | undefined {
  return rows.find(({ id }) => id === 'cachequant') ?? rows.findLast(({ psnr }) => psnr !== null);
}

/** The row of the model as it came: the one that is not compared with anything. */
export function originalRow(rows: readonly ReportRow[]): ReportRow | undefined {
  return rows.find(({ id }) => id === 'original') ?? rows.find(({ psnr }) => psnr === null);
}

/** Bytes of all that lies under denoiser/. */
export function denoiserBytes({ denoiserItems }: ReportData): number {
  return denoiserItems.reduce((sum, { bytes }) => sum + bytes, 0);
}
