import { axisX, rect } from '@observablehq/plot';
import { html, type Markup } from '../html/markup.js';
import { figure, plotMarkup, WIDTHS } from './figure.js';

const MINI_WIDTH = 300;
const MINI_HEIGHT = 16;

/** The calls of one image from left to right: tall where the network computed in full, low where it used the cache. */
export function scheduleTimeline(
  description: string,
  calls: number,
  refreshCalls: readonly number[],
): Markup {
  return figure(description, (width) => ({
    height: 92,
    marginLeft: 1,
    marginRight: 1,
    marginTop: 4,
    marginBottom: 34,
    x: { domain: [0, calls], axis: null },
    y: { domain: [0, 1], axis: null },
    marks: [
      ...timelineMarks(calls, refreshCalls, width),
      axisX(
        labelledCalls(refreshCalls, calls, width).map((call) => call + 0.5),
        {
          tickFormat: (position: number) => String(position - 0.5),
          tickSize: 0,
          tickPadding: 4,
          label: null,
        },
      ),
    ],
  }));
}

/** The same without an axis, small enough for a table cell. */
export function miniTimeline(calls: number, refreshCalls: readonly number[]): Markup {
  const options = {
    height: MINI_HEIGHT,
    margin: 0,
    x: { domain: [0, calls], axis: null },
    y: { domain: [0, 1], axis: null },
    marks: timelineMarks(calls, refreshCalls, MINI_WIDTH),
  };
  const description = `Refreshes at calls ${refreshCalls.join(', ')}`;
  return html`<span class="mini" role="img" aria-label="${description}">${plotMarkup(options, MINI_WIDTH, { stretch: true })}</span>`;
}

function timelineMarks(calls: number, refreshCalls: readonly number[], width: number) {
  const gap = Math.min(2, (width / calls) * 0.2);
  const refreshed = new Set(refreshCalls);
  const cached = Array.from({ length: calls }, (_, call) => call).filter((call) => !refreshed.has(call));
  const cell = (height: number, fill: string) => ({
    x1: (call: number) => call,
    x2: (call: number) => call + 1,
    y1: 0,
    y2: () => height,
    fill,
    insetLeft: gap / 2,
    insetRight: gap / 2,
  });
  return [rect(cached, cell(0.45, 'var(--cached)')), rect([...refreshed], cell(1, 'var(--full)'))];
}

/** Refreshes whose numbers fit under the axis without touching. */
function labelledCalls(refreshCalls: readonly number[], calls: number, width: number): number[] {
  const room = width === WIDTHS.wide ? 26 : 22;
  const labelled: number[] = [];
  for (const call of refreshCalls) {
    const last = labelled.at(-1);
    if (last === undefined || ((call - last) / calls) * width >= room) labelled.push(call);
  }
  return labelled;
}
