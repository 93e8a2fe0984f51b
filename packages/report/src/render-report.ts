import { html, Markup } from './html/markup.js';
import { STYLES } from './page/styles.js';
import type { ReportData } from './report-data.js';
import { comparison } from './sections/comparison.js';
import { distances } from './sections/distances.js';
import { error } from './sections/error.js';
import { headline } from './sections/headline.js';
import { layers } from './sections/layers.js';
import { leftOut } from './sections/left-out.js';
import { operators } from './sections/operators.js';
import { pictures } from './sections/pictures.js';
import { schedule } from './sections/schedule.js';
import { settings } from './sections/settings.js';
import { size } from './sections/size.js';
import { times } from './sections/times.js';

const SECTIONS: readonly ((data: ReportData) => Markup)[] = [
  pictures,
  comparison,
  times,
  size,
  distances,
  schedule,
  error,
  operators,
  layers,
  leftOut,
  settings,
];

/**
 * Renders the report as one HTML page that needs nothing else: no script, no request, pictures inside.
 *
 * All strings of `data` are escaped, and the page's own policy forbids scripts and requests besides.
 * @throws {CacheQuantError} `invalid-argument` when a picture is not a PNG
 */
export function renderReport(data: ReportData): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${data.title}</title>
<style>${new Markup(STYLES)}</style>
</head>
<body>
<main>
${headline(data)}${SECTIONS.map((render) => render(data))}</main>
</body>
</html>
`.source;
}
