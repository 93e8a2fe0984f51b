import { barX, text } from '@observablehq/plot';
import { type Markup, replaceForbidden } from '../html/markup.js';
import { figure } from './figure.js';

export interface Segment {
  readonly label: string;
  readonly value: number;
  /** Name of a CSS variable of the page, such as `full`. */
  readonly color: string;
}

export interface Bar {
  readonly label: string;
  readonly total: string;
  readonly segments: readonly Segment[];
}

const BAR_HEIGHT = 34;
const LABEL_HEIGHT = 36;
const CAPTION = {
  frameAnchor: 'left',
  y: 'row',
  dy: -BAR_HEIGHT / 2 - 11,
  textAnchor: 'start',
} as const;

/** Horizontal bars on a common scale, each with its name and its total above it. */
export function stackedBars(description: string, bars: readonly Bar[]): Markup {
  const rows = bars.flatMap((bar, row) => layOut(bar, row));
  const longest = Math.max(...rows.map(({ x2 }) => x2), Number.MIN_VALUE);
  const captions = bars.map(({ label, total }, row) => ({
    row,
    caption: replaceForbidden(`${label}  ${total}`),
  }));
  return figure(description, () => ({
    height: bars.length * (BAR_HEIGHT + LABEL_HEIGHT) + 8,
    marginLeft: 1,
    marginRight: 1,
    marginTop: LABEL_HEIGHT,
    marginBottom: 8,
    x: { axis: null, domain: [0, longest] },
    y: {
      axis: null,
      domain: bars.map((_, row) => row),
      paddingInner: LABEL_HEIGHT / (BAR_HEIGHT + LABEL_HEIGHT),
      paddingOuter: 0,
    },
    marks: [
      barX(rows, {
        x1: 'x1',
        x2: 'x2',
        y: 'row',
        fill: (d: (typeof rows)[number]) => `var(--${d.color})`,
        stroke: 'var(--paper)',
        strokeWidth: rows.length > 240 ? 0 : 0.5,
        title: 'title',
      }),
      text(captions, { ...CAPTION, text: 'caption', fill: 'var(--ink)', fontWeight: 600 }),
    ],
  }));
}

function layOut(bar: Bar, row: number) {
  let end = 0;
  return bar.segments.map(({ label, value, color }) => {
    const x1 = end;
    end += value;
    return { row, x1, x2: end, color, title: replaceForbidden(label) };
  });
}
