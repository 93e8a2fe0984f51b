import { formatMs, formatShare } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { details, legend, section, table } from '../html/section.js';
import { isIntegerOperator, operatorBars } from '../plots/operator-bars.js';
import type { ReportData } from '../report-data.js';

const BARS_SHOWN = 12;

/** Whether the integers really ran as integers, and what the time was spent on. */
export function operators({ coverage }: ReportData): Markup {
  const { integerShare, plannedShare, operators: kinds } = coverage;
  const drawn = kinds.slice(0, BARS_SHOWN);
  const description = `Time by kind of operator. ${drawn.map(({ opType, ms }) => `${opType}: ${formatMs(ms)}`).join('; ')}.`;
  return section(
    'operators',
    'What really ran as integers',
    summary(integerShare, plannedShare),
    html`${integerShare !== undefined && meter(integerShare, plannedShare)}
${kinds.length > 0 && operatorFigure(description, drawn)}
${kinds.length > 0 && details('Every kind of operator', operatorTable(kinds))}`,
  );
}

function summary(ran: number | undefined, planned: number): string {
  const work = 'of the multiply-adds of convolutions and linear layers';
  return ran === undefined
    ? `${formatShare(planned)} ${work} were planned as integers; this runtime keeps no profile of what ran.`
    : `${formatShare(ran)} ${work} ran in integer kernels, by the runtime’s own profile; ${formatShare(planned)} were planned.`;
}

function meter(ran: number, planned: number): Markup {
  return html`<div class="meter" role="img" aria-label="${formatShare(ran)} of the multiply-adds in integer kernels"><span style="width:${meterWidth(ran)}%"></span><i style="left:${meterWidth(planned)}%"></i></div>`;
}

function operatorFigure(description: string, drawn: ReportData['coverage']['operators']): Markup {
  return html`${operatorBars(description, drawn)}
${legend([
  { color: 'full', label: 'integer kernel' },
  { color: 'float', label: 'float' },
])}`;
}

function operatorTable(kinds: ReportData['coverage']['operators']): Markup {
  const total = kinds.reduce((sum, { ms }) => sum + ms, 0);
  return table(
    'Time of the profiled call by kind of operator',
    [
      { heading: 'Operator' },
      { heading: 'Arithmetic' },
      { heading: 'Nodes', numeric: true },
      { heading: 'Time', numeric: true },
      { heading: 'Share', numeric: true },
    ],
    kinds.map(({ opType, ms, count }) => ({
      cells: [
        opType,
        isIntegerOperator(opType) ? 'integer' : 'float',
        String(count),
        formatMs(ms),
        total > 0 ? formatShare(ms / total) : '–',
      ],
    })),
  );
}

function meterWidth(share: number): string {
  return (Math.min(1, Math.max(0, share || 0)) * 100).toFixed(1);
}
