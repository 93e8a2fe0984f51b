import { gridY, type Markish, plot, text } from '@observablehq/plot';
import { parseHTML } from 'linkedom';

const SIZE = { width: 560, height: 330 };
const LEGEND_WIDTH = 250;
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly dash?: string;
}

/** An SVG of some curves, named beside it. */
export function chart(
  curves: readonly Curve[],
  { x, y, log = false }: { readonly x: string; readonly y: string; readonly log?: boolean },
  marks: (help: { readonly colorOf: (curve: number) => string }) => Markish[],
): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const drawn = plot({
    ...SIZE,
    document,
    marginLeft: 52,
    marginBottom: 44,
    marginTop: 28,
    style: { fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
    x: { label: null, ticks: 6 },
    y: { label: null, ticks: 6, ...(log && { type: 'log', tickFormat: '~g' }) },
    marks: [
      gridY({ stroke: '#eeeeee', strokeOpacity: 1 }),
      ...marks({ colorOf: (curve) => curves[curve]!.color }),
      text([y], { frameAnchor: 'top-left', dy: -18, dx: -40, text: String }),
      text([x], { frameAnchor: 'bottom', dy: 36, text: String }),
    ],
  });
  const width = SIZE.width + LEGEND_WIDTH;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${SIZE.height}" width="${width}" height="${SIZE.height}">`,
    `<rect width="${width}" height="${SIZE.height}" fill="white"/>`,
    drawn.outerHTML,
    `<g transform="translate(${SIZE.width + 8},40)">${curves.map(legendEntry).join('')}</g>`,
    '</svg>\n',
  ].join('\n');
}

function legendEntry({ name, color, dash }: Curve, i: number): string {
  const pattern = dash ? ` stroke-dasharray="${dash}"` : '';
  return `<line x1="0" x2="24" y1="${i * 22}" y2="${i * 22}" stroke="${color}" stroke-width="2"${pattern}/><text x="30" y="${i * 22 + 4}" ${FONT}>${name}</text>`;
}
