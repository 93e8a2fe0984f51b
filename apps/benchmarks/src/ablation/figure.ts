import { dot, gridX, gridY, line, plot, text } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { AblationModel } from './models/ablation-model.js';
import type { AblationResults, AblationRow } from './results.js';
import { optimizeTries } from './rows.js';
import { sd15Cost } from './sd15-cost.js';

const PANEL = { width: 470, height: 400 };
const LEGEND_WIDTH = 290;
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

interface Stroke {
  readonly color: string;
  readonly width: number;
  readonly dash?: string;
}

/** Curves in the order of the legend: ours, the paper's, caches, then the rivals that take fewer steps. */
const STROKES: Readonly<Partial<Record<AblationRow['curve'], Stroke>>> = {
  cachequant: { color: '#b3123f', width: 3 },
  'lever: search': { color: '#b3123f', width: 3 },
  'lever: one half at late refreshes': { color: '#c2569b', width: 2 },
  'lever: one half at cached calls': { color: '#6a4fb3', width: 2 },
  'lever: both halves': { color: '#1f5fbf', width: 2 },
  paper: { color: '#1f5fbf', width: 2.5 },
  'DP cache + int8': { color: '#6a4fb3', width: 1.5 },
  'uniform cache + int8': { color: '#6a4fb3', width: 1.5, dash: '5 3' },
  'DP cache': { color: '#2a8a57', width: 1.5 },
  'uniform cache': { color: '#2a8a57', width: 1.5, dash: '5 3' },
  'int8, fewer steps, dpm-solver++': { color: '#c77700', width: 2 },
  'int8, fewer steps, plms': { color: '#c77700', width: 1.5, dash: '5 3' },
  'int8, fewer steps, ddim': { color: '#c77700', width: 1.5, dash: '1 3' },
  'fewer steps, dpm-solver++': { color: '#666666', width: 2 },
  'fewer steps, plms': { color: '#666666', width: 1.5, dash: '5 3' },
  'fewer steps, ddim': { color: '#666666', width: 1.5, dash: '1 3' },
};

const LABELS: Readonly<Record<string, string>> = {
  cachequant: 'what optimize tries (ring: chosen)',
  'lever: search': 'searched calls, in the time of those',
  'lever: one half at late refreshes': 'one half at late refreshes as well',
  'lever: one half at cached calls': 'one half at cached calls',
  'lever: both halves': 'cache and integers, both halves',
};

interface Point {
  readonly x: number;
  readonly y: number;
  readonly curve: AblationRow['curve'];
  /** Whether `optimize` tries this; its choices make our curve. */
  readonly tried: boolean;
}

/**
 * Quality against time as an SVG of two panels: as measured, and as it would be where a cached call is as cheap as in
 * a denoiser of SD-1.5's size; the second is left out where a model does not compare itself with that, and before
 * `npm run bench` has measured it.
 */
export function renderFigure(model: AblationModel, results: AblationResults): string {
  const measured = pointsOf(model, results.rows, ({ timeRatio }) => timeRatio);
  const { sd15 } = results;
  const { sampler, steps } = model.original;
  const panels = [
    panel(measured, `time of an image, measured (1 = the original, ${steps} ${sampler.toUpperCase()} steps)`),
    ...(sd15
      ? [
          panel(
            pointsOf(model, results.rows, (row) => sd15Cost(row, sd15)),
            'time of all calls with the times of SD-1.5',
          ),
        ]
      : []),
  ];
  const width = panels.length * PANEL.width + LEGEND_WIDTH;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${PANEL.height}" width="${width}" height="${PANEL.height}">`,
    `<rect width="${width}" height="${PANEL.height}" fill="white"/>`,
    ...panels.map((svg, i) => `<g transform="translate(${i * PANEL.width},0)">${svg}</g>`),
    `<g transform="translate(${panels.length * PANEL.width + 12},30)">${legend(measured)}</g>`,
    '</svg>\n',
  ].join('\n');
}

function pointsOf(
  model: AblationModel,
  rows: readonly AblationRow[],
  place: (row: AblationRow) => number | null,
): Point[] {
  return rows.flatMap((row) => {
    const x = place(row);
    const { psnrConverged: y, curve } = row;
    if (x === null || y === null || !STROKES[curve] || x > 1.05) return [];
    return [{ x, y, curve, tried: optimizeTries(model, row) }];
  });
}

function panel(points: readonly Point[], label: string): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const curves = Object.entries(STROKES).reverse();
  const lines = curves.flatMap(([curve, { color, width, dash }]) => {
    const own = points.filter((point) => point.curve === curve).sort((a, b) => a.x - b.x);
    // Our best is what `optimize` chooses among all that it tries, without a cache where that is better.
    const isOurs = curve === 'cachequant' && own.length > 0;
    const joined = isOurs ? frontOf(points.filter(({ tried }) => tried)) : own;
    return [
      line(joined, {
        x: 'x',
        y: 'y',
        stroke: color,
        strokeWidth: width,
        ...(dash && { strokeDasharray: dash }),
      }),
      dot(own, { x: 'x', y: 'y', fill: color, r: curve === 'cachequant' ? 4 : 2.5 }),
      ...(curve === 'cachequant'
        ? [dot(joined, { x: 'x', y: 'y', stroke: color, strokeWidth: 1.5, r: 6 })]
        : []),
    ];
  });
  const drawn = plot({
    ...PANEL,
    document,
    marginLeft: 48,
    marginBottom: 44,
    marginTop: 28,
    style: { fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
    x: { domain: [0, 1.05], label: null, ticks: 6 },
    y: { label: null, ticks: 8 },
    marks: [
      gridX({ stroke: '#dddddd', strokeOpacity: 1 }),
      gridY({ stroke: '#dddddd', strokeOpacity: 1 }),
      ...lines,
      text(['PSNR to the converged solution (dB)'], {
        frameAnchor: 'top-left',
        dy: -18,
        dx: -36,
        text: String,
      }),
      text([label], { frameAnchor: 'bottom', dy: 36, text: String }),
    ],
  });
  return drawn.outerHTML;
}

/** Points that no other one beats in both time and quality, fastest first. */
function frontOf(points: readonly Point[]): Point[] {
  return points
    .filter(({ x, y }) => !points.some((other) => other.x <= x && other.y > y))
    .sort((a, b) => a.x - b.x);
}

function legend(points: readonly Point[]): string {
  const shown = Object.entries(STROKES).filter(([curve]) => points.some((point) => point.curve === curve));
  return shown
    .map(([curve, { color, width, dash }], i) => {
      const y = i * 22;
      const pattern = dash ? ` stroke-dasharray="${dash}"` : '';
      return `<line x1="0" x2="28" y1="${y}" y2="${y}" stroke="${color}" stroke-width="${width}"${pattern}/><text x="36" y="${y + 4}" ${FONT}>${LABELS[curve] ?? curve}</text>`;
    })
    .join('');
}
