import { bundleRow } from '../bundle-row.js';
import { formatBytes, formatDecibels, formatMs, formatNumber, formatTimes } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { section, table } from '../html/section.js';
import { speedQualityScatter } from '../plots/scatter.js';
import type { ReportData, ReportRow } from '../report-data.js';

const COLUMNS = [
  { heading: 'Way to run' },
  { heading: 'Time per image', numeric: true },
  { heading: 'Speed', numeric: true },
  { heading: 'Denoiser', numeric: true },
  { heading: 'Whole folder', numeric: true },
  { heading: 'PSNR', numeric: true },
  { heading: '95 % interval', numeric: true },
  { heading: 'SSIM', numeric: true },
];

/** All ways to run the model that were measured: a plot and the table behind it. */
export function comparison({ rows }: ReportData): Markup {
  const bundle = bundleRow(rows);
  if (rows.length === 0) {
    return section('comparison', 'Compared with other ways', 'Nothing else was measured.', html``);
  }
  return section(
    'comparison',
    'Compared with other ways',
    'Every way to run the model on the same seeds: what it gains in speed and what it costs in likeness.',
    html`${speedQualityScatter(rows, bundle?.id)}
${table(
  'Time, size and likeness to the original’s pictures',
  COLUMNS,
  rows.map((row) => ({ cells: rowCells(row), emphasis: row === bundle })),
  'stacked',
)}`,
  );
}

function rowCells(row: ReportRow): string[] {
  return [
    row.label,
    formatMs(row.secondsPerImage * 1000),
    formatTimes(row.speedup),
    formatBytes(row.denoiserBytes),
    formatBytes(row.totalBytes),
    formatDecibels(row.psnr),
    row.psnrInterval?.every(Number.isFinite)
      ? `${formatNumber(row.psnrInterval[0], 1)} – ${formatNumber(row.psnrInterval[1], 1)}`
      : '–',
    row.ssim === null ? '–' : formatNumber(row.ssim, 3),
  ];
}
