import { html, type Markup } from './markup.js';

/** A section with a heading that links can point to, and one sentence that says what it shows. */
export function section(id: string, heading: string, lead: Markup | string, body: Markup): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${heading}</h2>
<p class="lead">${lead}</p>
${body}
</section>
`;
}

/** `stacked` tables become a list of cards on phones. */
export type TableLayout = 'plain' | 'stacked';

export interface Column {
  readonly heading: string;
  readonly numeric?: boolean;
}

/** A table whose first column names the rows; explicit roles keep it a table where CSS changes its layout. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly { readonly cells: readonly (Markup | string)[]; readonly emphasis?: boolean }[],
  layout: TableLayout = 'plain',
): Markup {
  const alignment = (index: number) => columns[index]?.numeric && html` class="number"`;
  // A table that is too wide scrolls, by the keyboard too.
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="${layout}" role="table">
<caption>${caption}</caption>
<thead><tr role="row">${columns.map(({ heading }, index) => html`<th scope="col" role="columnheader"${alignment(index)}>${heading}</th>`)}</tr></thead>
<tbody>
${rows.map(
  ({ cells, emphasis }) => html`<tr role="row"${emphasis && html` class="emphasis"`}>${cells.map(
    (cell, index) =>
      index === 0
        ? html`<th scope="row" role="rowheader">${cell}</th>`
        : html`<td role="cell"${alignment(index)} data-label="${columns[index]?.heading}">${cell}</td>`,
  )}</tr>
`,
)}</tbody>
</table></div>`;
}

/** What lies behind a figure, folded away. */
export function details(summary: string, body: Markup): Markup {
  return html`<details><summary>${summary}</summary>${body}</details>`;
}

/** A key to the colours of a figure. */
export function legend(entries: readonly { readonly color: string; readonly label: string }[]): Markup {
  return html`<ul class="legend">${entries.map(
    ({ color, label }) => html`<li><span class="swatch ${color}"></span>${label}</li>`,
  )}</ul>`;
}
