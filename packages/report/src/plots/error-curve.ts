import { gridY, lineY, ruleX } from '@observablehq/plot';
import type { Markup } from '../html/markup.js';
import type { ReportData } from '../report-data.js';
import { figure, WIDTHS } from './figure.js';

/** Error of the latents after each call, with and without correction; thin lines mark the refreshes. */
export function errorCurve(
  description: string,
  errors: ReportData['errorPerCall'],
  refreshCalls: readonly number[],
): Markup {
  const last = Math.max(errors.corrected.length, errors.uncorrected.length, 2) - 1;
  const finite = [...errors.corrected, ...errors.uncorrected].filter(Number.isFinite);
  const top = Math.max(...finite, 0) || 1;
  return figure(description, (width) => ({
    height: width === WIDTHS.wide ? 320 : 280,
    marginLeft: 48,
    marginRight: 8,
    marginTop: 26,
    marginBottom: 40,
    x: {
      domain: [0, last],
      label: 'call',
      ticks: Math.min(last, width / 90),
      tickSize: 0,
      labelArrow: 'right' as const,
      tickFormat: 'd',
    },
    y: {
      domain: [0, top * 1.06],
      label: 'relative error (%)',
      percent: false,
      ticks: 5,
      tickSize: 0,
      labelArrow: 'up' as const,
      tickFormat: (value: number) => String(Number((value * 100).toPrecision(3))),
    },
    marks: [
      gridY({ stroke: 'var(--line)', strokeOpacity: 1, ticks: 5 }),
      ruleX(
        refreshCalls.filter((call) => call <= last),
        {
          stroke: 'var(--full)',
          strokeOpacity: 0.35,
          strokeDasharray: '1 3',
          strokeLinecap: 'round',
          strokeWidth: 1.5,
          className: 'refresh-rule',
        },
      ),
      curve(errors.uncorrected, 'var(--warm)', 2),
      curve(errors.corrected, 'var(--full)', 2.5),
    ],
  }));
}

function curve(values: readonly number[], stroke: string, strokeWidth: number) {
  return lineY([...values], {
    x: (_: number, index: number) => index,
    y: (value: number) => value,
    stroke,
    strokeWidth,
    strokeLinejoin: 'round',
  });
}
