import { formatNumber } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { details, legend, section, table } from '../html/section.js';
import { errorCurve } from '../plots/error-curve.js';
import type { ReportData } from '../report-data.js';

/** How far the latents stray from the float trajectory, call by call. */
export function error({ errorPerCall, refreshCalls }: ReportData): Markup {
  const { corrected, uncorrected } = errorPerCall;
  if (corrected.length === 0 && uncorrected.length === 0) {
    return section('error', 'How the error grows', 'The error per call was not measured.', html``);
  }
  const end = [
    corrected.length > 0 ? `${percent(corrected.at(-1)!)} with the correction` : '',
    uncorrected.length > 0 ? `${percent(uncorrected.at(-1)!)} without` : '',
  ].filter((part) => part !== '');
  const ends = `After the last call the latents differ from the float ones by ${end.join(' and ')}.`;
  return section(
    'error',
    'How the error grows',
    ends,
    html`${errorCurve(`Relative error of the latents after each call. ${ends}`, errorPerCall, refreshCalls)}
${legend([
  ...(corrected.length > 0 ? [{ color: 'full', label: 'with correction' }] : []),
  ...(uncorrected.length > 0 ? [{ color: 'warm', label: 'without correction' }] : []),
  { color: 'dotted', label: 'refresh (full call)' },
])}
${details('Error at every call', errorTable(errorPerCall, refreshCalls))}`,
  );
}

function errorTable(
  { corrected, uncorrected }: ReportData['errorPerCall'],
  refreshCalls: readonly number[],
): Markup {
  const refreshed = new Set(refreshCalls);
  const rows = Array.from({ length: Math.max(corrected.length, uncorrected.length) }, (_, call) => ({
    cells: [
      String(call),
      refreshed.has(call) ? 'full' : 'cached',
      percent(corrected[call]),
      percent(uncorrected[call]),
    ],
  }));
  return table(
    'Relative L2 error of the latents after each call, mean over the seeds',
    [
      { heading: 'Call' },
      { heading: 'Features' },
      { heading: 'With correction', numeric: true },
      { heading: 'Without', numeric: true },
    ],
    rows,
  );
}

function percent(error: number | undefined): string {
  return error === undefined ? '–' : `${formatNumber(error * 100, error < 0.1 ? 2 : 1)}\u00a0%`;
}
