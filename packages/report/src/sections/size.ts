import { denoiserBytes } from '../bundle-row.js';
import { formatBytes, formatShare } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { section, table } from '../html/section.js';
import { ITEM_COLORS } from '../page/palette.js';
import { stackedBars } from '../plots/stacked-bars.js';
import type { ReportData } from '../report-data.js';

/** What the denoiser's bytes are. */
export function size(data: ReportData): Markup {
  const { sourceDenoiserBytes } = data;
  const items = [...data.denoiserItems].sort((a, b) => b.bytes - a.bytes);
  const total = denoiserBytes(data);
  // The smallest of many share the grey of the rest, where they lie side by side.
  const color = (index: number) => (index < ITEM_COLORS ? `item-${index}` : 'float');
  const bars = [
    {
      label: 'Original denoiser',
      total: formatBytes(sourceDenoiserBytes),
      segments: [{ label: 'original denoiser', value: sourceDenoiserBytes, color: 'float' }],
    },
    {
      label: 'Bundle',
      total: formatBytes(total),
      segments: items.map(({ name, bytes }, index) => ({
        label: `${name}: ${formatBytes(bytes)}`,
        value: bytes,
        color: color(index),
      })),
    },
  ];
  return section(
    'size',
    'What is in the denoiser’s bytes',
    `${formatBytes(sourceDenoiserBytes)} became ${formatBytes(total)}${sourceDenoiserBytes > 0 ? `, ${formatShare(total / sourceDenoiserBytes)} of the original` : ''}.`,
    html`${stackedBars(`Bytes of the denoiser: original ${formatBytes(sourceDenoiserBytes)}, bundle ${formatBytes(total)}.`, bars)}
${table(
  'Bytes under denoiser/, item by item',
  [{ heading: 'Item' }, { heading: 'Bytes', numeric: true }, { heading: 'Share', numeric: true }],
  items.map(({ name, bytes }, index) => ({
    cells: [
      html`<span class="swatch ${color(index)}"></span>${name}`,
      formatBytes(bytes),
      total > 0 ? formatShare(bytes / total) : '–',
    ],
  })),
)}`,
  );
}
