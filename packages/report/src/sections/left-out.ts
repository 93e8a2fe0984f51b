import { html, type Markup } from '../html/markup.js';
import { section } from '../html/section.js';
import type { ReportData } from '../report-data.js';

/** What the optimization did not do, and why. */
export function leftOut({ leftOut: items }: ReportData): Markup {
  if (items.length === 0) {
    return section('left-out', 'What was left out', 'Nothing was left out.', html``);
  }
  return section(
    'left-out',
    'What was left out',
    'Parts that did not pay or could not be done.',
    html`<dl class="left-out">
${items.map(
  ({ what, why }) => html`<div><dt>${what}</dt><dd>${why}</dd></div>
`,
)}</dl>`,
  );
}
