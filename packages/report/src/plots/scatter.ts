import { dot, gridX, gridY, link, ruleX, text } from '@observablehq/plot';
import { formatDecibels, formatTimes } from '../html/format.js';
import { html, type Markup, replaceForbidden } from '../html/markup.js';
import type { ReportRow } from '../report-data.js';
import { FONT_SIZE, figure, WIDTHS } from './figure.js';
import { placeLabels } from './label-placement.js';

type MeasuredRow = ReportRow & { readonly psnr: number };

const MARGIN = { left: 44, right: 12, top: 26, bottom: 44 };
/** Of a wide system font. */
const CHARACTER_WIDTH = FONT_SIZE * 0.6;

/** Speed against quality; rows without a finite PSNR are not in it, since they have no place on the scale. */
export function speedQualityScatter(rows: readonly ReportRow[], bundleId: string | undefined): Markup | null {
  const measured = rows.filter((row): row is MeasuredRow => row.psnr !== null && Number.isFinite(row.psnr));
  if (measured.length < 2) return null;
  const ordered = [...measured].sort((a, b) => Number(b.id === bundleId) - Number(a.id === bundleId));
  const description = `Speed against PSNR. ${measured
    .map((row) => `${row.label}: ${formatTimes(row.speedup)}, ${formatDecibels(row.psnr)}`)
    .join('; ')}.`;
  return html`${figure(description, (width) => scatterOptions(ordered, measured, bundleId, width), {
    caption:
      'Up is closer to the original’s pictures, right is faster. Vertical lines are 95 % intervals over the seeds.',
  })}<ol class="key-of-points" aria-hidden="true">${measured.map(
    ({ id, label }) => html`<li${id === bundleId && html` class="emphasis"`}>${label}</li>`,
  )}</ol>`;
}

function scatterOptions(
  rows: readonly MeasuredRow[],
  listed: readonly MeasuredRow[],
  bundleId: string | undefined,
  width: number,
) {
  // There is no room for names on a phone: the points have numbers, and a list below has the names.
  const nameOf = (row: MeasuredRow) =>
    width === WIDTHS.wide ? replaceForbidden(row.label) : String(listed.indexOf(row) + 1);
  const height = width === WIDTHS.wide ? 420 : 380;
  const x = padded([1, ...rows.map(({ speedup }) => speedup)], 0.12);
  const y = padded(
    rows.flatMap((row) => [row.psnr, ...finiteInterval(row)]),
    0.08,
  );
  const frame = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const scaleX = (value: number) => ((value - x[0]) / (x[1] - x[0])) * frame.width;
  const scaleY = (value: number) => (1 - (value - y[0]) / (y[1] - y[0])) * frame.height;
  const points = rows.map((row) => ({
    x: scaleX(row.speedup),
    y: scaleY(row.psnr),
    reach: reach(row, scaleY),
    width: nameOf(row).length * CHARACTER_WIDTH * (row.id === bundleId ? 1.12 : 1),
    height: FONT_SIZE * 1.25,
  }));
  const positions = placeLabels(points, frame);
  const isBundle = (row: MeasuredRow) => row.id === bundleId;
  const color = (row: MeasuredRow) => (isBundle(row) ? 'var(--full)' : 'var(--float)');
  return {
    height,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    x: {
      domain: x,
      label: 'speed (×)',
      labelAnchor: 'right' as const,
      labelArrow: 'right' as const,
      ticks: width / 110,
      tickSize: 0,
    },
    y: { domain: y, label: 'PSNR (dB)', labelArrow: 'up' as const, ticks: 6, tickSize: 0 },
    marks: [
      gridX({ stroke: 'var(--line)', strokeOpacity: 1, ticks: width / 110 }),
      gridY({ stroke: 'var(--line)', strokeOpacity: 1, ticks: 6 }),
      ruleX([1], { stroke: 'var(--float)', strokeDasharray: '2 4' }),
      text(['original'], {
        x: 1,
        frameAnchor: 'top',
        dy: 4,
        dx: 6,
        textAnchor: 'start',
        lineAnchor: 'top',
        text: (label: string) => label,
        fill: 'var(--muted)',
      }),
      link(
        rows.filter((row) => finiteInterval(row).length === 2),
        {
          x1: 'speedup',
          x2: 'speedup',
          y1: (row: MeasuredRow) => row.psnrInterval![0],
          y2: (row: MeasuredRow) => row.psnrInterval![1],
          stroke: color,
          strokeWidth: 2,
          strokeOpacity: 0.55,
          strokeLinecap: 'round',
        },
      ),
      dot(rows, {
        x: 'speedup',
        y: 'psnr',
        r: (row: MeasuredRow) => (isBundle(row) ? 8 : 5),
        fill: color,
        stroke: 'var(--paper)',
        strokeWidth: 1.5,
        title: (row: MeasuredRow) => replaceForbidden(row.label),
      }),
      ...rows.map((row, index) =>
        text([row], {
          x: 'speedup',
          y: 'psnr',
          text: () => nameOf(row),
          className: 'point-label',
          textAnchor: positions[index]!.anchor,
          lineAnchor: 'top',
          dx: positions[index]!.x - points[index]!.x,
          dy: positions[index]!.y - points[index]!.y + 2,
          fill: 'var(--ink)',
          fontWeight: isBundle(row) ? 700 : 400,
          stroke: 'var(--paper)',
          strokeWidth: 4,
        }),
      ),
    ],
    r: { type: 'identity' as const },
  };
}

/** Pixels from the point up and down to the ends of its interval. */
function reach(row: MeasuredRow, scaleY: (value: number) => number): readonly [number, number] {
  const [low, high] = finiteInterval(row);
  if (low === undefined || high === undefined) return [0, 0];
  return [scaleY(row.psnr) - scaleY(high), scaleY(low) - scaleY(row.psnr)];
}

function finiteInterval({ psnrInterval }: MeasuredRow): readonly number[] {
  return psnrInterval?.every(Number.isFinite) ? psnrInterval : [];
}

function padded(values: readonly number[], share: number): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const padding = (high - low) * share || 1;
  return [low - padding, high + padding];
}
