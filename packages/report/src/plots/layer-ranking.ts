import { barX, dot, gridY, ruleX, text } from '@observablehq/plot';
import { formatDecibels, formatShare } from '../html/format.js';
import { type Markup, replaceForbidden } from '../html/markup.js';
import type { ReportLayer } from '../report-data.js';
import { figure, WIDTHS } from './figure.js';

/** A layer with its place in the ranking, the least exact first. */
export interface RankedLayer extends ReportLayer {
  readonly rank: number;
  /** Of the time that all measured layers take as they run now. */
  readonly share: number;
}

const ROW_HEIGHT = 24;
const LARGEST_DOT = { wide: 15, narrow: 10 };

const colorOf = ({ compute }: RankedLayer) => (compute === 'integer' ? 'var(--full)' : 'var(--warm)');

/** The layers from the least exact to the most, all of them; the area of a dot is the layer's share of the time. */
export function layerDots(description: string, layers: readonly RankedLayer[]): Markup {
  const largest = Math.max(...layers.map(({ share }) => share), Number.MIN_VALUE);
  // Large dots first, so that small ones lie on them; those in float on top.
  const drawn = [...layers].sort(
    (a, b) => Number(a.compute === 'float') - Number(b.compute === 'float') || b.share - a.share,
  );
  return figure(description, (width) => {
    const most = width === WIDTHS.wide ? LARGEST_DOT.wide : LARGEST_DOT.narrow;
    return {
      height: width === WIDTHS.wide ? 320 : 280,
      marginLeft: 44,
      marginRight: 16,
      marginTop: 26,
      marginBottom: 40,
      x: {
        domain: [0, Math.max(layers.length, 2) + 1],
        label: 'rank',
        ticks: width / 110,
        tickSize: 0,
        labelArrow: 'right' as const,
        tickFormat: (rank: number) => (Number.isInteger(rank) && rank > 0 ? String(rank) : ''),
      },
      y: { label: 'signal to noise (dB)', nice: true, ticks: 6, tickSize: 0, labelArrow: 'up' as const },
      r: { type: 'identity' as const },
      marks: [
        gridY({ stroke: 'var(--line)', strokeOpacity: 1, ticks: 6 }),
        dot(drawn, {
          x: 'rank',
          y: 'sqnr',
          r: ({ share }: RankedLayer) => Math.max(2, most * Math.sqrt(share / largest)),
          fill: colorOf,
          fillOpacity: 0.75,
          stroke: 'var(--paper)',
          strokeWidth: 0.75,
          title: (layer: RankedLayer) => replaceForbidden(layer.id),
        }),
      ],
    };
  });
}

/** Some of the layers by name. */
export function layerBars(description: string, layers: readonly RankedLayer[]): Markup {
  const longest = Math.max(...layers.map(({ sqnr }) => sqnr), Number.MIN_VALUE);
  return figure(description, (width) => {
    const wide = width === WIDTHS.wide;
    return {
      height: layers.length * ROW_HEIGHT + 8,
      marginLeft: wide ? 400 : 150,
      marginRight: wide ? 200 : 90,
      marginTop: 4,
      marginBottom: 4,
      x: { axis: null, domain: [0, longest] },
      y: { axis: null, domain: layers.map(({ rank }) => rank), padding: 0.3 },
      marks: [
        ruleX([0], { stroke: 'var(--line)' }),
        barX([...layers], { x: 'sqnr', y: 'rank', fill: colorOf, rx: 2 }),
        text([...layers], {
          x: 0,
          y: 'rank',
          dx: -8,
          textAnchor: 'end',
          text: ({ id }: RankedLayer) => replaceForbidden(shortName(id, wide ? 54 : 19)),
          fill: 'var(--ink)',
        }),
        text([...layers], {
          x: 'sqnr',
          y: 'rank',
          dx: 6,
          textAnchor: 'start',
          text: ({ sqnr, share }: RankedLayer) =>
            wide
              ? `${formatDecibels(sqnr)}, ${percent(share)} of the time`
              : `${formatDecibels(sqnr)}, ${percent(share)}`,
          fill: 'var(--muted)',
        }),
      ],
    };
  });
}

function percent(share: number): string {
  return share < 0.01 ? '<1\u00a0%' : formatShare(share);
}

/** The path of the layer's output, which says where it is, cut in its middle. */
function shortName(id: string, length: number): string {
  const path = id.slice(id.lastIndexOf(':') + 1).replace(/^\//, '');
  const name = (path === '' ? id : path).replace(/_output_\d+$/, '');
  if (name.length <= length) return name;
  const head = Math.floor((length - 1) / 3);
  return `${name.slice(0, head)}…${name.slice(name.length - (length - 1 - head))}`;
}
