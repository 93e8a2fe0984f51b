import { bundleRow, denoiserBytes, originalRow } from '../bundle-row.js';
import {
  formatBytes,
  formatDate,
  formatDecibels,
  formatMs,
  formatNumber,
  formatTimes,
} from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import type { ReportData, ReportRow } from '../report-data.js';

const SETTINGS_SHOWN = 8;

/** Title, the three numbers that matter, and a sentence of settings. */
export function headline(data: ReportData): Markup {
  const bundle = bundleRow(data.rows);
  return html`<header>
<p class="eyebrow">CacheQuant report · <time datetime="${data.createdAt}">${formatDate(data.createdAt)}</time></p>
<h1>${data.title}</h1>
${(data.warnings ?? []).map((warning) => html`<p class="warning" role="alert">${warning}</p>\n`)}<ul class="numbers">
${bundle && speed(bundle, originalRow(data.rows))}
${size(data, bundle)}
${bundle && quality(bundle)}
</ul>
<p class="settings-line">${settingsLine(data)}</p>
</header>
`;
}

function number(heading: string, value: string, unit: string, detail: string): Markup {
  return html`<li><span class="heading">${heading}</span> <strong>${value}<span class="unit"> ${unit}</span></strong> <span class="detail">${detail}</span></li>
`;
}

function speed(bundle: ReportRow, original: ReportRow | undefined): Markup {
  const after = formatMs(bundle.secondsPerImage * 1000);
  return number(
    'Speed',
    formatTimes(bundle.speedup),
    bundle.speedup >= 1 ? 'faster' : 'as fast',
    original === undefined
      ? `${after} per image, end to end`
      : `${formatMs(original.secondsPerImage * 1000)} → ${after} per image, end to end`,
  );
}

function size(data: ReportData, bundle: ReportRow | undefined): Markup {
  const after = bundle?.denoiserBytes ?? denoiserBytes(data);
  const ratio = after > 0 ? data.sourceDenoiserBytes / after : Number.NaN;
  const original = originalRow(data.rows);
  const folder =
    original && bundle
      ? `; whole folder ${formatBytes(original.totalBytes)} → ${formatBytes(bundle.totalBytes)}`
      : '';
  return number(
    'Denoiser size',
    Number.isNaN(ratio) ? '–' : formatTimes(ratio >= 1 ? ratio : 1 / ratio),
    ratio < 1 ? 'larger' : 'smaller',
    `${formatBytes(data.sourceDenoiserBytes)} → ${formatBytes(after)}${folder}`,
  );
}

function quality({ psnr, psnrInterval, ssim }: ReportRow): Markup {
  const facts = [
    psnrInterval?.every(Number.isFinite)
      ? `95 % interval ${formatNumber(psnrInterval[0], 1)} to ${formatNumber(psnrInterval[1], 1)} dB`
      : '',
    ssim === null ? '' : `SSIM ${formatNumber(ssim, 3)}`,
  ].filter((fact) => fact !== '');
  const finite = psnr !== null && Number.isFinite(psnr);
  return number(
    'PSNR against the original',
    finite ? formatNumber(psnr, 1) : formatDecibels(psnr),
    finite ? 'dB' : '',
    facts.join('; '),
  );
}

function settingsLine({ settings, cacheHits }: ReportData): Markup {
  const calls = cacheHits.full + cacheHits.cached;
  const shown = settings
    .slice(0, SETTINGS_SHOWN)
    .map(({ name, value }) => html`<span><b>${name}</b> ${value}</span> `);
  return html`${shown}<span><b>Network calls</b> ${calls}, of which ${cacheHits.full} computed in full and ${cacheHits.cached} from the cache</span>`;
}
