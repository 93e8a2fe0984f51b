import { plot } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, Markup } from '../html/markup.js';

type PlotOptions = NonNullable<Parameters<typeof plot>[0]>;

/** What is used of the elements that plots are made of. */
export interface SvgElement {
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  setAttribute(name: string, value: string): void;
  append(child: SvgElement): void;
}

/** The two widths in pixels that every plot is drawn for: pages and paper, and phones. */
export const WIDTHS = { wide: 920, narrow: 340 } as const;

/** Font size of all text in plots, in pixels of the plot. */
export const FONT_SIZE = 13;

/**
 * A figure drawn once for each width, of which the style sheet shows one.
 * @param text what a reader who does not see the figure should know
 */
export function figure(
  text: string,
  options: (width: number) => PlotOptions,
  {
    caption,
    widths = WIDTHS,
  }: { caption?: string; widths?: Readonly<Record<keyof typeof WIDTHS, number>> } = {},
): Markup {
  const picture = (name: keyof typeof WIDTHS) =>
    html`<div class="plot ${name}" role="img" aria-label="${text}">${plotMarkup(options(widths[name]), widths[name])}</div>`;
  return html`<figure>${picture('wide')}${picture('narrow')}${
    caption !== undefined && html`<figcaption>${caption}</figcaption>`
  }</figure>`;
}

/** One plot as an SVG element whose colours come from the page's CSS variables; `stretch` lets the page squeeze it. */
export function plotMarkup(options: PlotOptions, width: number, { stretch = false } = {}): Markup {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const drawn = plot({ ...options, width, document, style: { fontSize: `${FONT_SIZE}px` } });
  // The page styles all plots at once; labels inside one role="img" would only be read twice.
  for (const style of drawn.querySelectorAll('style')) style.remove();
  for (const element of drawn.querySelectorAll('[aria-label]')) element.removeAttribute('aria-label');
  drawn.setAttribute('aria-hidden', 'true');
  if (stretch) drawn.setAttribute('preserveAspectRatio', 'none');
  for (const element of [drawn, ...drawn.querySelectorAll('*')]) shortenNumbers(element);
  return new Markup(drawn.outerHTML);
}

function shortenNumbers(element: SvgElement): void {
  for (const { name, value } of [...element.attributes]) {
    const shorter = value.replace(/-?\d+\.\d{4,}/g, (digits: string) =>
      String(Number(Number(digits).toFixed(3))),
    );
    if (shorter !== value) element.setAttribute(name, shorter);
  }
}
