import { formatCompact } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { section } from '../html/section.js';
import { HEAT_SHADES } from '../page/palette.js';
import { distanceHeatMap } from '../plots/heat-map.js';
import type { ReportData } from '../report-data.js';

/** How much the cached features change from call to call, and the groups that the schedule made of them. */
export function distances({ distances: table, refreshCalls }: ReportData): Markup {
  const usable = table.calls > 0 && table.window > 1 && table.distance.length === table.calls * table.window;
  if (!usable) return section('distances', 'How the features change', 'The distances were not kept.', html``);
  const largest = table.distance.reduce((a, b) => Math.max(a, b), 0);
  const description = `Distances between the cached features of ${table.calls} calls, for pairs less than ${table.window} apart. The schedule makes ${refreshCalls.length} groups, which begin at calls ${refreshCalls.join(', ')}.`;
  return section(
    'distances',
    'How the features change',
    'Each cell compares the cached features of two calls: faint where they are alike, strong where they differ. A good schedule puts its groups, the outlined squares, where the picture is faint.',
    html`<div class="heat">${distanceHeatMap(description, table, refreshCalls)}
<div class="key">
<div class="ramp" aria-hidden="true">${Array.from({ length: HEAT_SHADES }, (_, shade) => html`<span class="heat-${shade}"></span>`)}</div>
<p class="ramp-ends"><span>0</span><span>${formatCompact(largest)}</span></p>
<p>Summed L1 distance. Triangles mark the calls that compute in full; each outlined square is the group of calls that then lives on that result. Pairs ${table.window} or more calls apart were not measured and are blank.</p>
</div></div>`,
  );
}
