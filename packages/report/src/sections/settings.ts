import { html, type Markup } from '../html/markup.js';
import { section, table } from '../html/section.js';
import type { ReportData } from '../report-data.js';

/** Everything needed to repeat the run. */
export function settings({ settings: entries, versions }: ReportData): Markup {
  return section(
    'settings',
    'Settings and versions',
    'In full, to repeat the run.',
    html`<div class="columns">
${table(
  'Settings',
  [{ heading: 'Setting' }, { heading: 'Value' }],
  entries.map(({ name, value }) => ({ cells: [name, value] })),
)}
${table(
  'Versions',
  [{ heading: 'Package' }, { heading: 'Version' }],
  Object.entries(versions).map(([name, version]) => ({ cells: [name, version] })),
)}
</div>`,
  );
}
