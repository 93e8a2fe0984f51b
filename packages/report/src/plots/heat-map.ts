import { dot, rect } from '@observablehq/plot';
import type { Markup } from '../html/markup.js';
import { HEAT_SHADES } from '../page/palette.js';
import type { ReportData } from '../report-data.js';
import { figure, type SvgElement, WIDTHS } from './figure.js';

/** Above this number of calls several calls share a cell, so that the page stays small. */
const MAX_CELLS = 200;
const MARGIN = 40;
/** Sides of the square in pixels. */
const SIDES = { wide: 580, narrow: WIDTHS.narrow };

type Distances = ReportData['distances'];

/** Distances of all pairs of calls, mirrored, as squares of a few shades; the groups of the schedule are drawn on top. */
export function distanceHeatMap(
  description: string,
  distances: Distances,
  refreshCalls: readonly number[],
): Markup {
  const { calls } = distances;
  const shadePaths = shadedPaths(distances);
  const groups = refreshCalls.map((start, index) => ({ start, end: refreshCalls[index + 1] ?? calls }));
  const options = (side: number) => {
    const ticks = labelledCalls(calls, side / 60).map((call) => call + 0.5);
    const scale = { domain: [0, calls], range: [MARGIN, side - 6] as [number, number] };
    return {
      height: side,
      marginLeft: MARGIN,
      marginTop: MARGIN,
      marginRight: 6,
      marginBottom: 6,
      x: {
        ...scale,
        axis: 'top' as const,
        label: 'call',
        ticks,
        tickFormat: (position: number) => String(position - 0.5),
        tickSize: 0,
        tickPadding: 12,
        labelAnchor: 'right' as const,
        labelArrow: 'none' as const,
      },
      y: {
        ...scale,
        label: null,
        ticks,
        tickFormat: (position: number) => String(position - 0.5),
        tickSize: 0,
        tickPadding: 12,
        labelArrow: 'none' as const,
      },
      marks: [
        shades(shadePaths, (side - 6 - MARGIN) / calls),
        rect(groups, {
          x1: 'start',
          x2: 'end',
          y1: 'start',
          y2: 'end',
          fill: 'none',
          stroke: 'var(--ink)',
          strokeWidth: 1.75,
          className: 'schedule-group',
        }),
        dot(groups, {
          x: (d: { start: number }) => d.start + 0.5,
          y: 0,
          dy: -6,
          symbol: 'triangle',
          rotate: 180,
          r: 3.5,
          fill: 'var(--full)',
          className: 'refresh-column',
        }),
        dot(groups, {
          y: (d: { start: number }) => d.start + 0.5,
          x: 0,
          dx: -6,
          symbol: 'triangle',
          rotate: 90,
          r: 3.5,
          fill: 'var(--full)',
          className: 'refresh-row',
        }),
      ],
    };
  };
  return figure(description, options, { widths: SIDES });
}

interface SvgDocument {
  createElementNS(namespace: string, name: string): SvgElement;
}

/** Every first, second, fifth, tenth … call, so that there are at most so many. */
function labelledCalls(calls: number, most: number): number[] {
  let step = 1;
  for (let turn = 0; calls / step > most; turn++) step *= turn % 3 === 1 ? 2.5 : 2;
  return Array.from({ length: Math.ceil(calls / step) }, (_, index) => index * step);
}

/** A mark that draws each shade as one path, in units of calls. */
function shades(paths: readonly string[], cell: number) {
  return (
    _index: unknown,
    _scales: unknown,
    _values: unknown,
    _dimensions: unknown,
    context: { document: SvgDocument },
  ) => {
    const namespace = 'http://www.w3.org/2000/svg';
    const group = context.document.createElementNS(namespace, 'g');
    group.setAttribute('transform', `translate(${MARGIN},${MARGIN}) scale(${cell})`);
    group.setAttribute('shape-rendering', 'crispEdges');
    for (const [shade, d] of paths.entries()) {
      if (d === '') continue;
      const path = context.document.createElementNS(namespace, 'path');
      path.setAttribute('d', d);
      path.setAttribute('fill', `var(--heat-${shade})`);
      group.append(path);
    }
    return group;
  };
}

/** For each shade the SVG path of its cells; neighbours in a row are joined. */
function shadedPaths(distances: Distances): string[] {
  const { calls } = distances;
  const block = Math.ceil(calls / MAX_CELLS);
  const side = Math.ceil(calls / block);
  const largest = distances.distance.reduce((a, b) => Math.max(a, b), 0) || 1;
  const paths = Array.from({ length: HEAT_SHADES }, () => '');
  for (let row = 0; row < side; row++) {
    const shadeAt = (column: number) => {
      const value = blockMean(distances, column * block, row * block, block);
      return value === null ? null : Math.min(HEAT_SHADES - 1, Math.floor((value / largest) * HEAT_SHADES));
    };
    for (let column = 0; column < side; ) {
      const shade = shadeAt(column);
      const start = column;
      do column++;
      while (column < side && shadeAt(column) === shade);
      if (shade === null) continue;
      const x = start * block;
      const y = row * block;
      const width = Math.min(column * block, calls) - x;
      const height = Math.min(y + block, calls) - y;
      paths[shade] += `M${x} ${y}h${width}v${height}h${-width}z`;
    }
  }
  return paths;
}

/** Mean distance over a block of pairs, or null where none was measured. */
function blockMean(
  { calls, window, distance }: Distances,
  column: number,
  row: number,
  block: number,
): number | null {
  let sum = 0;
  let count = 0;
  for (let i = column; i < Math.min(column + block, calls); i++) {
    for (let j = row; j < Math.min(row + block, calls); j++) {
      const back = Math.abs(i - j);
      if (back >= window) continue;
      sum += distance[Math.max(i, j) * window + back] ?? 0;
      count++;
    }
  }
  return count === 0 ? null : sum / count;
}
