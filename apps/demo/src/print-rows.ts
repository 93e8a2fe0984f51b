import type { ReportRow } from '@cachequant/report';

/** Prints the comparison as a table. */
export function printRows(rows: readonly ReportRow[]): void {
  const table = rows.map((row) => [
    row.id,
    `${row.secondsPerImage.toFixed(2)} s`,
    `${row.speedup.toFixed(2)}x`,
    megabytes(row.denoiserBytes),
    megabytes(row.totalBytes),
    row.psnr === null ? '-' : `${row.psnr.toFixed(2)} dB`,
    row.psnrInterval === null ? '' : `[${row.psnrInterval.map((bound) => bound.toFixed(2)).join(', ')}]`,
  ]);
  const head = ['', 'per image', 'speed', 'denoiser', 'folder', 'PSNR', '95 % interval'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...table.map((row) => row[column]!.length)),
  );
  console.log();
  for (const row of [head, ...table]) {
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')}`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
