import { formatDecibels, formatNumber } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { pictureMarkup } from '../html/picture.js';
import { section } from '../html/section.js';
import type { PicturePair, ReportData } from '../report-data.js';

/** The same prompts and seeds, by the original and by the bundle, side by side. */
export function pictures({ pictures: pairs }: ReportData): Markup {
  if (pairs.length === 0) {
    return section('pictures', 'Pictures', 'No pictures were kept of this run.', html``);
  }
  return section(
    'pictures',
    'Pictures',
    'Same prompt, same seed: the original on the left, the bundle on the right.',
    html`<ul class="pairs">
${pairs.map(pair)}</ul>`,
  );
}

function pair({ prompt, seed, original, optimized, psnr, ssim }: PicturePair): Markup {
  const subject = prompt === '' ? 'without a prompt' : `“${prompt}”`;
  return html`<li><figure>
<div class="pair">
<div>${pictureMarkup(original, `${subject}, seed ${seed}, by the original`)}<span>Original</span></div>
<div>${pictureMarkup(optimized, `${subject}, seed ${seed}, by the bundle`)}<span>Bundle</span></div>
</div>
<figcaption><q>${prompt === '' ? 'no prompt' : prompt}</q><span class="facts">seed ${seed} · ${formatDecibels(psnr)} · SSIM ${formatNumber(ssim, 3)}</span></figcaption>
</figure></li>
`;
}
