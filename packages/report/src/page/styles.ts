import { HEAT_SHADES, SWATCHES } from './palette.js';
import { THEME } from './theme.js';

const PAGE = `
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 60rem; margin: 0 auto; padding: 4rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { font-size: clamp(1.9rem, 5vw, 2.8rem); line-height: 1.15; letter-spacing: -0.02em; font-weight: 650; margin: 0.3rem 0 2.5rem; text-wrap: balance; }
h2 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -0.01em; font-weight: 650; margin: 0 0 0.4rem; }
section { margin-top: 4.5rem; }
.lead { margin: 0 0 1.75rem; max-width: 44rem; color: var(--muted); }
.warning { margin: 0 0 1rem; padding: 0.8rem 1rem; border: 2px solid var(--full); border-radius: 4px; font-weight: 600; max-width: 60rem; }
.eyebrow { margin: 0; color: var(--muted); font-size: 0.9rem; }
ul, dl { margin: 0; padding: 0; list-style: none; }
figure { margin: 0; }
figcaption { margin-top: 0.5rem; font-size: 0.9rem; color: var(--muted); }
`;

const HEADLINE = `
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1.5rem 2rem; padding: 1.75rem 0; border-block: 1px solid var(--line); }
.numbers li { display: flex; flex-direction: column; }
.numbers .heading { font-size: 0.9rem; color: var(--muted); }
.numbers strong { font-size: 3.4rem; line-height: 1.15; font-weight: 600; letter-spacing: -0.035em; color: var(--full); white-space: nowrap; }
.numbers .unit { font-size: 1.15rem; letter-spacing: 0; font-weight: 500; color: var(--ink); }
.numbers .detail { font-size: 0.9rem; color: var(--muted); }
.settings-line { margin: 1.25rem 0 0; font-size: 0.9rem; color: var(--muted); }
.settings-line span { display: inline-block; margin-right: 1.1em; }
.settings-line b { font-weight: 500; color: var(--ink); }
`;

const PICTURES = `
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 2rem 1.75rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0.4rem; }
.pair img { display: block; width: 100%; height: auto; border-radius: 4px; background: var(--line); outline: 1px solid var(--line); }
.pair span { display: block; margin-top: 0.25rem; font-size: 0.8rem; color: var(--muted); }
.pairs figcaption { margin-top: 0.35rem; line-height: 1.4; }
.pairs q { color: var(--ink); quotes: "“" "”"; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.facts { display: block; }
.pixelated { image-rendering: pixelated; }
`;

const TABLES = `
.scroll { overflow-x: auto; margin-top: 1.75rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
caption { text-align: left; color: var(--muted); padding-bottom: 0.6rem; }
th, td { text-align: left; padding: 0.5rem 1rem 0.5rem 0; border-bottom: 1px solid var(--line); font-weight: 400; vertical-align: middle; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-size: 0.82rem; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
.emphasis > * { font-weight: 650; }
.badge { margin-left: 0.4em; padding: 0.1em 0.6em; border-radius: 1em; background: var(--badge); color: var(--full); font-size: 0.78rem; font-weight: 600; }
details { margin-top: 1.25rem; font-size: 0.9rem; }
summary { cursor: pointer; color: var(--muted); width: fit-content; }
summary:hover { color: var(--ink); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0 3rem; align-items: start; }
.columns .scroll { margin-top: 0; }
.columns td { overflow-wrap: anywhere; }
.left-out div { padding: 0.8rem 0; border-top: 1px solid var(--line); }
.left-out dt { font-weight: 600; }
.left-out dd { margin: 0; color: var(--muted); }
`;

const FIGURES = `
.plot svg { display: block; width: 100%; height: auto; overflow: visible; --plot-background: var(--paper); }
.plot text, .mini text { white-space: pre; }
.plot text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
.plot.narrow { display: none; }
.key-of-points { display: none; margin: 0.6rem 0 0; padding-left: 1.6rem; list-style: decimal; font-size: 0.9rem; }
.key-of-points .emphasis { font-weight: 650; }
.mini svg { display: block; width: 100%; min-width: 9rem; height: 1rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.4rem; margin-top: 0.6rem; font-size: 0.9rem; color: var(--muted); }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.5em; border-radius: 2px; }
.swatch.dotted { width: 0; height: 1em; border-left: 2px dotted var(--full); border-radius: 0; vertical-align: -0.15em; }
${SWATCHES.map((name) => `.swatch.${name} { background: var(--${name}); }`).join('\n')}
.heat { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem; }
.heat .plot.wide { max-width: 36.25rem; }
.heat .key { font-size: 0.9rem; color: var(--muted); max-width: 44rem; }
.heat .key p { margin: 0; }
.ramp { display: flex; height: 0.7rem; max-width: 16rem; border-radius: 2px; overflow: hidden; }
.ramp span { flex: 1; }
${Array.from({ length: HEAT_SHADES }, (_, shade) => `.heat-${shade} { background: var(--heat-${shade}); }`).join('\n')}
.heat .key .ramp-ends { display: flex; justify-content: space-between; max-width: 16rem; margin-bottom: 0.75rem; }
.note { margin: 1.75rem 0 0.6rem; font-size: 0.9rem; color: var(--muted); }
.meter { position: relative; height: 0.9rem; margin-bottom: 2rem; border-radius: 3px; background: var(--line); }
.meter span { display: block; height: 100%; border-radius: 3px; background: var(--full); }
.meter i { position: absolute; top: -0.25rem; height: 1.4rem; border-left: 2px solid var(--ink); }
`;

const NARROW = `
@media screen and (min-width: 56rem) {
  .heat { grid-template-columns: 36.25rem 1fr; align-items: center; gap: 2.5rem; }
}
@media screen and (max-width: 40rem) {
  main { padding-top: 2rem; }
  section { margin-top: 3.25rem; }
  .plot.wide { display: none; }
  .plot.narrow, .key-of-points { display: block; }
  .pairs { gap: 1.5rem; }
}
@media screen and (max-width: 52rem) {
  .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacked, .stacked tbody, .stacked caption { display: block; }
  .stacked tr { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(14rem, 100%), 1fr)); gap: 0.1rem 1.25rem; padding: 0.8rem 0; border-bottom: 1px solid var(--line); }
  .stacked tbody th { grid-column: 1 / -1; padding: 0 0 0.2rem; border: 0; font-weight: 600; }
  .stacked td { display: flex; justify-content: space-between; gap: 0.5rem; padding: 0; border: 0; text-align: right; font-size: 0.85rem; }
  .stacked td::before { content: attr(data-label); color: var(--muted); font-weight: 400; text-align: left; }
  .stacked td:has(.mini) { grid-column: 1 / -1; display: block; padding-top: 0.4rem; }
  .stacked td:has(.mini)::before { display: none; }
}
@media print {
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  section { margin-top: 2rem; }
  figure, tr, .lead, .meter, .left-out div, .numbers { break-inside: avoid; }
  h2, .lead { break-after: avoid; }
  .scroll { overflow: visible; }
  .pairs { grid-template-columns: repeat(3, 1fr); }
  .numbers { grid-template-columns: repeat(3, 1fr); }
  .numbers strong { font-size: 2.2rem; }
  details { display: none; }
  body, .swatch, .meter, .ramp span, .badge { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** The page's style sheet. */
export const STYLES = [THEME, PAGE, HEADLINE, PICTURES, TABLES, FIGURES, NARROW].join('');
