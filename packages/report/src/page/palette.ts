/** A colour of the report on light and on dark screens. */
interface Shades {
  readonly light: string;
  readonly dark: string;
}

/** Colours by role; each is a CSS variable of the page, `--ink`. */
const ROLES = {
  paper: { light: '#fcfbf9', dark: '#14181d' },
  surface: { light: '#ffffff', dark: '#1a2027' },
  ink: { light: '#1c2530', dark: '#e7eaee' },
  muted: { light: '#596573', dark: '#a2adb9' },
  line: { light: '#e4e3de', dark: '#2e363f' },
  badge: { light: '#e4edf8', dark: '#223349' },
} as const satisfies Record<string, Shades>;

/** Colours of what is drawn, in plots and in the keys beside them. */
const MARKS = {
  float: { light: '#8a929c', dark: '#8b95a1' },
  full: { light: '#2b5c9e', dark: '#6ea8ee' },
  cached: { light: '#6fb0bd', dark: '#3f8794' },
  warm: { light: '#c0622d', dark: '#e8935c' },
  'text-encoder': { light: '#c39a3f', dark: '#c9a65a' },
  decoder: { light: '#8a6caf', dark: '#a58acb' },
} as const satisfies Record<string, Shades>;

/** Colours of things that have no role, such as files; no two are alike. */
const ITEMS: readonly Shades[] = [
  { light: '#2b5c9e', dark: '#6ea8ee' },
  { light: '#c0622d', dark: '#e8935c' },
  { light: '#2f8f6b', dark: '#5fc39c' },
  { light: '#8a6caf', dark: '#a58acb' },
  { light: '#c39a3f', dark: '#d9bb6b' },
  { light: '#6fb0bd', dark: '#3f8794' },
  { light: '#b0476b', dark: '#e07c9f' },
];

/** From near to far; as many as a heat map has shades. */
const HEAT: readonly Shades[] = [
  { light: '#f1f3f4', dark: '#1c242c' },
  { light: '#dbe7ec', dark: '#1f303e' },
  { light: '#c0d7e1', dark: '#223f54' },
  { light: '#a0c4d5', dark: '#27516d' },
  { light: '#7dadc8', dark: '#2f6688' },
  { light: '#5a93b8', dark: '#3e7fa5' },
  { light: '#3f77a5', dark: '#5b9bbf' },
  { light: '#2c5a8c', dark: '#86bbd6' },
  { light: '#1d3d69', dark: '#c3e2f0' },
];

/** Shades of the heat ramp, `--heat-0` to `--heat-8`. */
export const HEAT_SHADES = HEAT.length;

/** How many things can be told apart by colour, `item-0` and on. */
export const ITEM_COLORS = ITEMS.length;

const numbered = (name: string, shades: readonly Shades[]) =>
  shades.map((shade, index) => [`${name}-${index}`, shade] as const);

const MARK_COLORS: readonly (readonly [string, Shades])[] = [
  ...Object.entries(MARKS),
  ...numbered('item', ITEMS),
];

/** Names of the colours that a key can show. */
export const SWATCHES = MARK_COLORS.map(([name]) => name);

/** The page's colours as CSS declarations. */
export function declarations(scheme: keyof Shades): string {
  return [...Object.entries(ROLES), ...MARK_COLORS, ...numbered('heat', HEAT)]
    .map(([name, shades]) => `  --${name}: ${shades[scheme]};`)
    .join('\n');
}
