import { formatDecibels, formatMs, formatShare } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { details, legend, section, table } from '../html/section.js';
import { layerBars, layerDots, type RankedLayer } from '../plots/layer-ranking.js';
import type { ReportData, ReportLayer } from '../report-data.js';

const BARS_SHOWN = 16;
const HEADING = 'How exact each layer is';

/** The layers by their own error, with their share of the time, and which of them stayed in float. */
export function layers({ layers: data }: ReportData): Markup {
  if (data === undefined || data.measured.length === 0) {
    return section('layers', HEADING, 'Single layers were not measured.', html``);
  }
  const ranked = rank(data.measured);
  const worst = ranked.slice(0, BARS_SHOWN);
  const named = worst.map(({ id, sqnr }) => `${id}: ${formatDecibels(sqnr)}`).join('; ');
  return section(
    'layers',
    HEADING,
    lead(data, ranked),
    html`${layerDots(`Signal to noise of ${ranked.length} layers, from ${formatDecibels(ranked[0]!.sqnr)} to ${formatDecibels(ranked.at(-1)!.sqnr)}.`, ranked)}
${legend([
  { color: 'full', label: 'in integers' },
  { color: 'warm', label: 'kept in float' },
])}
<p class="note">Each dot is a layer; its area is its share of the time. The least exact ones:</p>
${layerBars(`The least exact layers. ${named}.`, worst)}
${details('Every layer that was measured', layerTable(ranked))}`,
  );
}

function rank(measured: readonly ReportLayer[]): RankedLayer[] {
  const now = ({ compute, integerMs, floatMs }: ReportLayer) => (compute === 'integer' ? integerMs : floatMs);
  const total = measured.reduce((sum, layer) => sum + now(layer), 0);
  return [...measured]
    .sort((a, b) => a.sqnr - b.sqnr)
    .map((layer, at) => ({ ...layer, rank: at + 1, share: total > 0 ? now(layer) / total : 0 }));
}

function lead(
  { networkDb, floor }: NonNullable<ReportData['layers']>,
  ranked: readonly RankedLayer[],
): string {
  const kept = ranked.filter(({ compute }) => compute === 'float');
  const slow = kept.filter(({ reason }) => reason.startsWith('slower')).length;
  const all = `With all ${ranked.length} layers in integers, the network’s prediction has ${formatDecibels(networkDb.allInteger)} of signal to noise (at least ${formatDecibels(floor)} were asked for).`;
  if (kept.length === 0) return `${all} None had to stay in float.`;
  const why =
    slow === kept.length
      ? 'because they measured slower in integers'
      : slow === 0
        ? 'because their rounding costs more than their time'
        : `${slow} because they measured slower in integers, the others because their rounding costs more than their time`;
  return `${all} ${kept.length} stay in float, ${why}: ${formatDecibels(networkDb.chosen)}.`;
}

function layerTable(ranked: readonly RankedLayer[]): Markup {
  return table(
    'Signal to noise and time of each layer; “network” is that of the whole prediction with only this layer in integers',
    [
      { heading: 'Layer' },
      { heading: 'Runs in' },
      { heading: 'Layer alone', numeric: true },
      { heading: 'Network', numeric: true },
      { heading: 'Float', numeric: true },
      { heading: 'Integer', numeric: true },
      { heading: 'Share', numeric: true },
    ],
    ranked.map(({ id, kind, compute, reason, sqnr, networkDb, floatMs, integerMs, share }) => ({
      cells: [
        html`${id}`,
        html`${kind}, ${compute}${reason !== '' && html` <span class="badge">${reason}</span>`}`,
        formatDecibels(sqnr),
        formatDecibels(networkDb ?? null),
        formatMs(floatMs),
        formatMs(integerMs),
        formatShare(share),
      ],
    })),
  );
}
